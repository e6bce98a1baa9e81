// SPDX-License-Identifier: Apache-2.0
// How fast the audit appends and verifies: node dist/scripts/bench-audit.js [records] [per tick]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileAudit } from '../src/audit/file-audit.ts';
import type { AuditLog, RequestIntent, RequestOutcome } from '../src/audit/record.ts';
import { directorySource } from '../src/audit/source.ts';
import { verifyAudit } from '../src/audit/verify.ts';
import { systemClock } from '../src/model/clock.ts';
import { silentLog } from '../src/model/log.ts';

const records = Number(process.argv[2] ?? 400_000);
const perTick = Number(process.argv[3] ?? 32);

function intent(number: number): RequestIntent {
  return {
    event: 'intent',
    id: `d-${number.toString(36).padStart(12, '0')}`,
    session: 's-01j9z7kq4m2v',
    principal: 'workload/prod-weu/payments/checkout',
    method: 'mesh-mtls',
    verifiedBy: 'prod-weu',
    target: 'data-orders/orders',
    source: '10.20.30.40:51234',
    revision: 'f'.repeat(64),
    decision: 'allow',
    rules: [
      {
        name: 'Grant/data-orders/checkout-writes',
        position: { file: 'policy/orders.yaml', line: 42, column: 1 },
      },
    ],
    command: 'COM_QUERY',
    kind: 'select',
    statement: `SELECT id, name FROM shop.orders WHERE id = ${number}`,
    statementHash: 'a'.repeat(64),
    needs: ['select shop.orders'],
    schema: 'shop',
    upstreamConnection: 4711,
  };
}

function outcome(number: number): RequestOutcome {
  const { id, session } = intent(number);
  return { event: 'outcome', id, session, outcome: 'ok', rows: 1, bytes: 87, durationMs: 0.4 };
}

/** Appends one tick's worth and goes on when its last record is written, as a gateway would. */
async function appendAll(log: AuditLog): Promise<void> {
  for (let done = 0; done < records; done += perTick) {
    await new Promise<void>((resolve, reject) => {
      const last = Math.min(done + perTick, records) - 1;
      for (let number = done; number <= last; number += 1) {
        const event = number % 2 === 0 ? intent(number) : outcome(number - 1);
        const settle = (ok: boolean) => (ok ? resolve() : reject(new Error('refused')));
        log.append(event, number === last ? settle : undefined);
      }
    });
  }
}

function report(what: string, count: number, elapsedMs: number): void {
  const perSecond = Math.round((count / elapsedMs) * 1_000).toLocaleString('en');
  process.stdout.write(`${what.padEnd(28)}${perSecond.padStart(12)} records/s\n`);
}

const directory = mkdtempSync(join(tmpdir(), 'postern-bench-audit-'));
try {
  const audit = await openFileAudit({
    directory,
    instance: 'bench',
    clock: systemClock,
    log: silentLog,
    signer: { keyPath: join(directory, 'signing-key.pem') },
  });
  const appendStarted = systemClock.monotonic();
  await appendAll(audit);
  report(`append, ${perTick} per tick`, records, systemClock.monotonic() - appendStarted);
  await audit.close();
  const verifyStarted = systemClock.monotonic();
  const result = verifyAudit(directorySource(directory));
  report('verify', result.records, systemClock.monotonic() - verifyStarted);
  if (result.faultCount > 0) throw new Error(`${result.faultCount} faults`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
