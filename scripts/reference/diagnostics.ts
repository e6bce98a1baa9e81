// SPDX-License-Identifier: Apache-2.0
import { DIAGNOSTIC_CODES } from '../../src/policy/diagnostic.ts';
import { DIAGNOSTIC_CATALOGUE } from '../../src/policy/diagnostic-catalogue.ts';

/** The page `docs/reference/diagnostics.md`, printed from the catalogue. */
export function diagnosticsPage(): string {
  const rows = DIAGNOSTIC_CODES.map((code) => {
    const { severity, message, remedy } = DIAGNOSTIC_CATALOGUE[code];
    return `| \`${code}\` | ${severity} | ${placeholders(message)} | ${placeholders(remedy)} |`;
  });
  return [HEAD, ...rows, ''].join('\n');
}

const HEAD = `# Diagnostics

<!-- Printed from src/policy/diagnostic-catalogue.ts by "npm run docs". -->

What \`postern check\` can say about a declaration. It reports everything it finds at once, with file,
line and column, and never stops at the first. An **error** means that the declaration is not used: a
running gateway keeps the one it has. A **warning** does not change what is enforced; \`--strict\` lets
warnings fail the check. \`--json\` prints \`{code, severity, file, line, column, message, remedy}\`.
Words in italics are filled in.

| code | severity | message | remedy |
|---|---|---|---|`;

function placeholders(template: string): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => `*${name}*`).replace(/\|/g, '\\|');
}
