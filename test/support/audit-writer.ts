// SPDX-License-Identifier: Apache-2.0
// A process that does nothing but append to an audit, to be killed or limited from outside:
// audit-writer.js DIRECTORY KEY ROUNDS. Every acknowledged id goes to standard output at once.
import { writeSync } from 'node:fs';
import { openFileAudit } from '../../src/audit/file-audit.ts';
import type { AuditEvent } from '../../src/audit/record.ts';
import { systemClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { intentOf, outcomeOf } from './audit-events.ts';

const [directory = '', keyPath = '', rounds = '0'] = process.argv.slice(2);
const audit = await openFileAudit({
  directory,
  instance: 'writer',
  clock: systemClock,
  log: silentLog,
  limits: { reserveBytes: 65_536 },
  ...(keyPath !== '' && { signer: { keyPath } }),
});
// Keeps the process alive while nothing else does.
const alive = setInterval(() => undefined, 1_000);

function append(event: AuditEvent, name: string): Promise<void> {
  return new Promise((resolve) => {
    audit.append(event, (ok) => {
      writeSync(1, `${name} ${ok}\n`);
      resolve();
    });
  });
}

for (let round = 0; round < Number(rounds); round += 1) {
  const ids = ['a', 'b', 'c'].map((letter) => `${letter}${round}`);
  await Promise.all(ids.map((id) => append(intentOf(id), `intent ${id}`)));
  await Promise.all(ids.slice(1).map((id) => append(outcomeOf(id), `outcome ${id}`)));
}
await audit.close();
clearInterval(alive);
