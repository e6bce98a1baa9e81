// SPDX-License-Identifier: Apache-2.0
import { signInWithBrowser } from '../browser.ts';
import { connectInPod, connectWithToken, showQuery } from '../drivers.ts';
import { expect, showPostern, type Tour } from './tour.ts';

/** Three principals, none with a password. Resolves with the account lent to the workload. */
export async function showWorkload({ installation, terminal }: Tour): Promise<string> {
  terminal.step(
    'A workload, by the certificate of its mesh',
    'The checkout service sends no password. Its sidecar (one of our own here) opens mutual TLS ' +
      'as spiffe://prod.local/ns/payments/sa/checkout, and that alone says who it is.',
  );
  const connection = await connectInPod(await installation.sidecar('prod'));
  const orders = await showQuery(terminal, connection, 'SELECT id, product, amount FROM orders');
  expect(orders.length === 3, 'the workload reads three orders');
  const [user] = await showQuery(terminal, connection, 'SELECT USER() AS who');
  await connection.end();
  const account = String(user?.['who']).replace(/@[^@]*$/, '');
  expect(/payments\/checkout/.test(account), 'USER() names the workload', account);
  terminal.ok(
    'MariaDB itself sees who it is: an account lent to this identity, for minutes, bound to the ' +
      "gateway's own certificate. Its logs and process list carry the origin.",
  );
  return account;
}

export async function showPerson(tour: Tour): Promise<void> {
  const { installation, terminal } = tour;
  terminal.step(
    'A person, by the identity provider of the company',
    'Ada signs in once, in a browser (the demo fills in the form). Her groups decide, and the ' +
      'stock mariadb client needs neither password nor plugin.',
  );
  await showLogin(tour);
  const sql = 'SELECT * FROM customers_public';
  const flags = [
    ...['connect', 'orders', '--gateway', `localhost:${installation.gateway.port('people')}`],
    ...['--ca', 'ca.pem', '--', 'mariadb', '--skip-ssl', '--table', 'shop', '-e', sql],
  ];
  const { output } = await showPostern(tour, flags);
  expect(output.includes('Grace') && !output.includes('@'), 'Ada sees names only', output);
  terminal.ok('Names, but no addresses: her role has two columns of that table, through a view.');
}

async function showLogin({ installation, terminal }: Tour): Promise<void> {
  terminal.typed('$', 'postern login people');
  let open: (address: string) => void = () => undefined;
  const browser = new Promise<string>((resolve) => {
    open = resolve;
  }).then((address) => signInWithBrowser(address, 'ada'));
  const login = installation.postern(['login', 'people'], (shown) => {
    const address = /^Open +(\S+)$/m.exec(shown)?.[1];
    if (address !== undefined) open(address);
  });
  // Whichever fails first is what went wrong.
  const { code, output } = await Promise.race([login, browser.then(() => login)]);
  terminal.output(output);
  expect(code === 0 && output.includes('user/people/ada'), 'Ada is signed in', output);
}

export async function showJob({ installation, terminal }: Tour): Promise<void> {
  terminal.step(
    'A CI job, by the token its forge gives it',
    'No secret is kept in the pipeline. The rule names owner and repository by number, so a fork ' +
      'or a repository of the same name is somebody else.',
  );
  terminal.say(
    'The job: acme/shop on GitHub Actions, environment production. Its token is signed here.',
  );
  const connection = await connectWithToken(installation, installation.jobToken());
  const change = 'UPDATE products SET price = 18.90 WHERE id = 2';
  await showQuery(terminal, connection, change);
  const [user] = await showQuery(terminal, connection, 'SELECT USER() AS who');
  expect(/acme\/shop/.test(String(user?.['who'])), 'USER() names the job', String(user?.['who']));
  await connection.end();
  const [row] = await installation.mariadb.rootQuery(
    'SELECT price FROM shop.products WHERE id = 2',
  );
  expect(String(row?.['price']) === '18.90', 'the price is changed', String(row?.['price']));
  terminal.ok('The job may set prices. It may not even read orders.');
}
