// SPDX-License-Identifier: Apache-2.0
import type { Tour } from './tour.ts';

/** Commands for another terminal, each as it must be typed; test/integration/demo.test.ts does. */
export async function showWhatToTry({ installation, terminal }: Tour): Promise<void> {
  const { gateway, directory } = installation;
  const pod = await installation.sidecar('prod');
  const people = gateway.port('people');
  const password = 'MYSQL_PWD="$(cat tokens/ada)"';
  const tls = '--protocol=TCP --ssl-ca=ca.pem --ssl-verify-server-cert';
  terminal.title('It is yours now. In another terminal:');
  terminal.typed('$', `cd ${directory}`);
  const tries = [
    [
      'be the checkout service, in its pod',
      `mariadb --host=127.0.0.1 --port=${pod} --skip-ssl shop`,
    ],
    [
      'be Ada, with a token as password',
      `${password} mariadb --host=localhost --port=${people} ${tls} shop`,
    ],
    ['see who is connected (Oscar may)', './postern sessions --token-file tokens/oscar'],
    ['watch the audit as you do it', './postern audit tail --follow'],
    [
      'ask before you try',
      './postern explain --as payments/checkout --to orders "delete from shop.orders"',
    ],
    ['delete a Grant or add a Deny, and save', 'vi policy/rules.yaml'],
    ['what you wrote, checked', './postern check'],
  ] as const;
  for (const [what, command] of tries) {
    terminal.gap();
    terminal.say(`${what}:`);
    terminal.command(command);
  }
  terminal.gap();
  terminal.say('Ctrl-C ends everything and removes it.');
}
