// SPDX-License-Identifier: Apache-2.0
import { connectInPod, connectWithToken, decisionId, showDenied } from '../drivers.ts';
import { runProgram } from '../program.ts';
import { expect, quoted, showPostern, type Tour } from './tour.ts';

export async function showDenial(tour: Tour): Promise<void> {
  const { installation, terminal } = tour;
  terminal.step(
    'What no rule gives is denied, and says why',
    'The driver gets an ordinary error with a number to ask about; the session goes on, and ' +
      'nothing has reached the database.',
  );
  const connection = await connectWithToken(installation, installation.read('tokens/ada'));
  const sql = 'SELECT name, email FROM customers';
  terminal.typed('mysql2>', `${sql}   (as Ada)`);
  const message = await showDenied(terminal, () => connection.query(sql));
  expect(/customers/.test(message), 'the denial names the table', message);
  const [rows] = await connection.query('SELECT 1 AS one');
  expect(Array.isArray(rows) && rows.length === 1, 'the session goes on after a denial');
  await connection.end();
  const { output } = await showPostern(tour, ['explain', decisionId(message)], 1);
  expect(/rules\.yaml:\d+/.test(output), 'the explanation names file and line', output);
  terminal.ok('Principal, statement, policy revision, rule, file and line, also a year from now.');
}

/** Ways around the gateway or its rules; `account` is one that was lent a moment ago. */
export async function showWaysAround(tour: Tour, account: string): Promise<void> {
  const { installation, terminal } = tour;
  terminal.step(
    'Going around it does not work',
    'Each layer holds by itself: the database knows only lent accounts, and rules go by proven ' +
      'identity, not by name.',
  );
  terminal.say("The lent account's own name, straight at the database:");
  const flags = ['--host=127.0.0.1', `--port=${installation.mariadb.port}`, `--user=${account}`];
  terminal.typed('$', ['mariadb', ...flags.map(quoted)].join(' '));
  const direct = await runProgram('mariadb', ['--no-defaults', ...flags, '-e', 'SELECT 1'], {
    cwd: installation.directory,
  });
  terminal.output(direct.output);
  expect(direct.code !== 0 && /1045/.test(direct.output), 'MariaDB refuses it', direct.output);

  terminal.say('A service of the same name in the development cluster:');
  const port = await installation.sidecar('dev');
  const other = await showDenied(terminal, async () => (await connectInPod(port)).end());
  expect(/only-prod-reaches-prod|denied-by-rule/.test(other), 'the Deny holds', other);

  terminal.say('A repository of the same name under another owner:');
  const fork = installation.jobToken({ repository_owner_id: '6666', repository_id: '7777' });
  const forked = await showDenied(terminal, async () =>
    (await connectWithToken(installation, fork)).end(),
  );
  expect(/no-grant/.test(forked), 'the fork has no grant', forked);
  terminal.ok('Three attempts, three refusals, three records.');
}

export async function showWhoCan(tour: Tour): Promise<void> {
  tour.terminal.step(
    'Who can read orders?',
    'Asked of the rules, before anybody does it: subjects, conditions, and the line that says so.',
  );
  const { output } = await showPostern(tour, ['who-can', 'select shop.orders', '--on', 'orders']);
  for (const rule of ['checkout-writes', 'analysts-read']) {
    expect(output.includes(rule), `who-can names ${rule}`, output);
  }
  expect(!output.includes('release-sets-prices'), 'who-can leaves the job out', output);
}
