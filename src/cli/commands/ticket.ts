// SPDX-License-Identifier: Apache-2.0
import type { TicketAnswer } from '../../api/contract.ts';
import { isTicketId, type TicketView } from '../../identity/ticket.ts';
import { parseDuration } from '../../model/duration.ts';
import { PosternError } from '../../model/errors.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { callGateway, type GatewayOptions, gatewayOptions } from '../gateway-call.ts';
import { table } from '../table.ts';

interface IssueOptions extends GatewayOptions {
  readonly to?: string;
  readonly ttl: string;
  readonly uses?: string;
  readonly json?: boolean;
}

const HELP = `
  postern ticket --to orders
  postern ticket --to data-orders/orders --ttl 30m --uses 1 --json
  postern ticket revoke tkt-...

A ticket is a user name and a password for drivers that cannot send a token. It opens one target,
as you, for any number of logins until it ends; the gateway decides each as if you logged in
yourself. It never outlives your token, and the gateway forgets all tickets when it stops.`;

export const registerTicket: RegisterCommand = (program, context, run) => {
  const command = program
    .command('ticket')
    .description('a short-lived user name and password for a target; lists and revokes them')
    .addHelpText('after', HELP);

  gatewayOptions(
    command.command('issue', { isDefault: true }).description('get one (what `ticket` alone does)'),
  )
    .option('--to <target>', 'the Target it opens')
    .option('--ttl <duration>', 'how long it may be used to log in', '10m')
    .option('--uses <number>', 'logins it is good for (default: any number)')
    .option('--json', 'print JSON')
    .action((options: IssueOptions) => run(() => issue(options, context)));

  gatewayOptions(command.command('list').description('your own tickets'))
    .option('--all', "everybody's (auditor or operator on the built-in Target postern)")
    .option('--json', 'print JSON')
    .action((options: GatewayOptions & { all?: boolean; json?: boolean }) =>
      run(async () => {
        const path = options.all ? '/v1/tickets?all' : '/v1/tickets';
        type Answer = { readonly tickets: readonly TicketView[] };
        const { tickets } = await callGateway<Answer>(context, options, 'GET', path);
        if (options.json) context.out(JSON.stringify(tickets, null, 2));
        else context.out(tickets.length === 0 ? 'No tickets.' : ticketTable(tickets));
        return 0;
      }),
    );

  gatewayOptions(command.command('revoke <ticket>').description('end it and what it opened'))
    .option('--json', 'print JSON')
    .action((id: string, options: GatewayOptions & { json?: boolean }) =>
      run(async () => {
        if (!isTicketId(id)) {
          throw new PosternError('usage', { problem: `"${id}" is not the id of a ticket.` });
        }
        const path = `/v1/tickets/${id}/revoke`;
        type Answer = { readonly revoked: string; readonly sessions: number };
        const answer = await callGateway<Answer>(context, options, 'POST', path);
        const { revoked, sessions } = answer;
        const text = `Ticket ${revoked} was revoked; ${sessions} of its sessions ended.`;
        context.out(options.json ? JSON.stringify(answer) : text);
        return 0;
      }),
    );
};

async function issue(options: IssueOptions, context: CommandContext): Promise<ExitCode> {
  const { to } = options;
  if (to === undefined) throw new PosternError('usage', { problem: 'Give --to TARGET.' });
  const wish = { target: to, ttlMs: duration(options.ttl), ...uses(options.uses) };
  const answer = await callGateway<TicketAnswer>(context, options, 'POST', '/v1/tickets', wish);
  if (options.json) {
    const { ticket: user, secret: password, ...rest } = answer;
    context.out(JSON.stringify({ user, password, ...rest }, null, 2));
    return 0;
  }
  const until = new Date(answer.expiresAt).toISOString().slice(0, 19);
  const logins = answer.uses === undefined ? 'any number of logins' : `${answer.uses} login(s)`;
  context.out(printable(`For ${answer.target} as ${answer.principal}: ${logins} until ${until}Z.`));
  context.out(`  user      ${answer.ticket}\n  password  ${answer.secret}`);
  context.out(`\nRevoke it: postern ticket revoke ${answer.ticket}`);
  return 0;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1) return ms;
  throw new PosternError('usage', { problem: `"${text}" is not a duration such as 10m.` });
}

function uses(text: string | undefined): { readonly uses?: number } {
  if (text === undefined) return {};
  if (/^[1-9]\d{0,5}$/.test(text)) return { uses: Number(text) };
  throw new PosternError('usage', { problem: `"${text}" is not a number of logins.` });
}

function ticketTable(tickets: readonly TicketView[]): string {
  return table(
    ['TICKET', 'PRINCIPAL', 'TARGET', 'UNTIL', 'LOGINS', 'LEFT', 'STATE'],
    tickets.map((ticket) => [
      ticket.id,
      printable(ticket.principal),
      ticket.target,
      new Date(ticket.expiresAt).toISOString().slice(0, 19),
      String(ticket.logins),
      ticket.usesLeft === undefined ? 'any' : String(ticket.usesLeft),
      ticket.state,
    ]),
  );
}
