// SPDX-License-Identifier: Apache-2.0
import { expect, type Tour } from './tour.ts';

/** Starts everything; the two commands an operator would type are shown. */
export async function showSetup({ installation, terminal }: Tour): Promise<void> {
  terminal.title('Postern: one MariaDB, three kinds of identity, and none of them has a password');
  terminal.say('Starting, all of it on this machine and on free ports:');
  await installation.start();
  terminal.gap();
  terminal.typed('$', 'postern bootstrap orders   # once, as root of the database');
  const { code, output } = await installation.bootstrap();
  terminal.output(output);
  expect(code === 0, 'the database is ready for leases', output);
  terminal.typed('$', 'postern serve');
  await installation.startGateway();
  const { gateway } = installation;
  terminal.output(`mesh    127.0.0.1:${gateway.port('mesh')}   workloads, by certificate`);
  terminal.output(`people  127.0.0.1:${gateway.port('people')}   people and jobs, by token`);
}
