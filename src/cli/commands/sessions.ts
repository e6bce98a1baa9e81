// SPDX-License-Identifier: Apache-2.0

import type { SessionView } from '../../api/contract.ts';
import { PosternError } from '../../model/errors.ts';
import type { RegisterCommand } from '../command.ts';
import { callGateway, type GatewayOptions, gatewayOptions } from '../gateway-call.ts';
import { table } from '../table.ts';

export const registerSessions: RegisterCommand = (program, context, run) => {
  const command = program
    .command('sessions')
    .description('live sessions of a gateway; ends one with `kill`')
    .addHelpText(
      'after',
      '\nNeeds a grant on the built-in Target postern: auditor may list, operator may also kill.\n\n  postern sessions\n  postern sessions kill s26kk2erakeo-8',
    );

  gatewayOptions(command.command('list', { isDefault: true }).description('list live sessions'))
    .option('--json', 'print JSON')
    .action((options: GatewayOptions & { json?: boolean }) =>
      run(async () => {
        const { sessions } = await callGateway<{ sessions: SessionView[] }>(
          context,
          options,
          'GET',
          '/v1/sessions',
        );
        if (options.json) context.out(JSON.stringify(sessions, null, 2));
        else if (sessions.length === 0) context.out('No live sessions.');
        else {
          context.out(sessionTable(sessions));
          context.out(`\nEnd one: postern sessions kill ${sessions[0]?.id}`);
        }
        return 0;
      }),
    );

  gatewayOptions(command.command('kill <session>').description('end a session at once'))
    .option('--json', 'print JSON')
    .action((session: string, options: GatewayOptions & { json?: boolean }) =>
      run(async () => {
        if (!/^[a-z0-9-]+$/.test(session)) {
          throw new PosternError('usage', { problem: `"${session}" is not the id of a session.` });
        }
        const path = `/v1/sessions/${session}/kill`;
        const answer = await callGateway<{ killed: string }>(context, options, 'POST', path);
        context.out(options.json ? JSON.stringify(answer) : `Session ${answer.killed} was ended.`);
        return 0;
      }),
    );
};

function sessionTable(sessions: readonly SessionView[]): string {
  return table(
    ['SESSION', 'PRINCIPAL', 'TARGET', 'FROM', 'SINCE', 'REQUESTS', 'STATE'],
    sessions.map((session) => [
      session.id,
      session.principal,
      session.target,
      session.source,
      new Date(session.openedAt).toISOString().slice(0, 19),
      String(session.requests),
      session.busy ? 'busy' : session.inTransaction ? 'in transaction' : 'idle',
    ]),
  );
}
