// SPDX-License-Identifier: Apache-2.0
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, showPostern, type Tour } from './tour.ts';

/** Heads are signed every second. */
const SIGNED_AFTER_MS = 1_200;

export async function showAudit(tour: Tour): Promise<void> {
  const { installation, terminal } = tour;
  terminal.step(
    'All of it is on record, and the record can be checked',
    'Each statement was written down before it ran, with who, what, and the rule. Records are ' +
      'chained by hash, and a separate process signs them every second.',
  );
  const search = await showPostern(tour, ['audit', 'search', '--kind', 'select', '--limit', '6']);
  expect(/payments\/checkout/.test(search.output), 'the audit has the workload', search.output);
  // So that the last records are signed, too.
  await wait(SIGNED_AFTER_MS);
  const verified = await showPostern(tour, ['audit', 'verify']);
  terminal.say('Now one bit of one record is changed, in a copy:');
  cpSync(installation.path('audit'), installation.path('audit-copy'), { recursive: true });
  tamper(installation.path('audit-copy'));
  const found = await showPostern(tour, ['audit', 'verify', '--dir', 'audit-copy'], 1);
  expect(found.output !== verified.output, 'the change is found', found.output);
  terminal.ok('The change is found, with file and line.');
}

/** Flips one bit in the middle of a record of the longest segment. */
function tamper(directory: string): void {
  const [file] = segments(directory).sort((a, b) => b.bytes.length - a.bytes.length);
  if (!file) throw new Error(`no audit segment in ${directory}`);
  const at = file.bytes.indexOf('payments/checkout');
  if (at < 0) throw new Error('no record of the workload in the audit');
  file.bytes.writeUInt8(file.bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file.path, file.bytes);
}

function segments(directory: string): { path: string; bytes: Buffer }[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => ({ path: join(directory, name), bytes: readFileSync(join(directory, name)) }));
}
