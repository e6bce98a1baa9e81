// SPDX-License-Identifier: Apache-2.0
import { setTimeout as wait } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { withoutRule } from '../declaration.ts';
import { connectInPod, connectWithToken, decisionId } from '../drivers.ts';
import type { Installation } from '../installation.ts';
import { expect, type Tour } from './tour.ts';

const RULES = 'policy/rules.yaml';
const LIMIT_MS = 5_000;
const ACCOUNT = "'postern:%payments/checkout%'";

export async function showRevocation({ installation, terminal }: Tour): Promise<void> {
  terminal.step(
    'A Grant is deleted, and the session that lived on it ends',
    'Two sessions are open: checkout and Ada. We save policy/rules.yaml without the Grant ' +
      'checkout-writes. Nothing is restarted.',
  );
  const port = await installation.sidecar('prod');
  const checkout = await connectInPod(port);
  const ada = await connectWithToken(installation, installation.read('tokens/ada'));
  await checkout.query('SELECT COUNT(*) FROM orders');
  const before = installation.read(RULES);

  const begun = performance.now();
  installation.write(RULES, withoutRule(before, 'checkout-writes'));
  const why = await firstError(checkout);
  const seconds = (performance.now() - begun) / 1000;
  terminal.output(`checkout: ${why}`);
  expect(/revoked/.test(why), 'the session of checkout is revoked within 5 seconds', why);
  const { output } = await installation.postern(['explain', decisionId(why)]);
  // A statement that was running at that moment has an outcome instead: killed.
  expect(/revoked|killed/.test(output), 'the audit knows the id in the error', output);
  await eventually(() => expectNothingLent(installation));
  const [rows] = await ada.query('SELECT id FROM orders');
  expect(Array.isArray(rows) && rows.length === 3, 'the session of Ada goes on');
  terminal.output(`Ada:      still here, reads ${(rows as unknown[]).length} orders`);
  await ada.end();

  installation.write(RULES, before);
  const back = await eventually(() => connectInPod(port));
  await back.end();
  terminal.ok(
    `Ended ${seconds.toFixed(2)} s after the file was saved; its account on the database was ` +
      'locked and dropped. The Grant is back now.',
  );
}

/** The service goes on asking; resolves with the error that ends it, or that it had none in time. */
async function firstError(connection: Connection): Promise<string> {
  const end = performance.now() + LIMIT_MS;
  // The socket closes after the error; a driver says so once more, to whoever listens.
  connection.on('error', () => undefined);
  while (performance.now() < end) {
    try {
      await connection.query('SELECT COUNT(*) FROM orders');
    } catch (thrown) {
      const { errno, message } = thrown as { errno?: number; message: string };
      return `ERROR ${errno ?? ''}: ${message}`;
    }
    await wait(80);
  }
  return `no error in ${LIMIT_MS} ms`;
}

async function expectNothingLent({ mariadb }: Installation): Promise<void> {
  const [left] = await mariadb.rootQuery(
    `SELECT (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER LIKE ${ACCOUNT}) AS sessions,
      (SELECT COUNT(*) FROM mysql.global_priv WHERE User LIKE ${ACCOUNT}) AS accounts`,
  );
  const seen = JSON.stringify(left);
  expect(seen === '{"sessions":0,"accounts":0}', 'nothing of it is left on the database', seen);
}

/** Tries again until it goes well; rejects as the last attempt did. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (performance.now() > end) throw thrown;
      await wait(50);
    }
  }
}
