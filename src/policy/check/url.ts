// SPDX-License-Identifier: Apache-2.0
import { type Path, pathText } from '../source-tree.ts';
import type { Report } from './context.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * An issuer or key address: https, or http on loopback; no user, query or fragment (OpenID Connect
 * Discovery 1.0 section 3). It is compared and used exactly as written.
 */
export function checkUrl(text: string, path: Path, report: Report): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const where = pathText(path);
  if (url === undefined || !['https:', 'http:'].includes(url.protocol) || url.hostname === '') {
    const suggestion = 'Write it as https://host/path, exactly as it stands in the token.';
    report(path, 'value-invalid', { where, problem: `${text} is not an https URL`, suggestion });
    return false;
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) {
    const problem = `${text} has a user, query or fragment`;
    report(path, 'value-invalid', { where, problem, suggestion: 'Leave those parts out.' });
    return false;
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    report(path, 'issuer-insecure', { where, url: text });
    return false;
  }
  return true;
}
