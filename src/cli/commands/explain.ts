// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '../../model/clock.ts';
import { PosternError } from '../../model/errors.ts';
import { type Access, DecisionEngine, type RequestQuestion } from '../../policy/decide.ts';
import { type Explanation, explain } from '../../policy/explanation.ts';
import {
  askedPolicy,
  askingOptions,
  principalNamed,
  principalOptions,
  targetNamed,
} from '../asking.ts';
import { type AuditPlaceOptions, auditDirectory } from '../audit-place.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { explanationLines } from '../explanation-text.ts';
import { readAsked } from '../question-text.ts';
import { type ExplainRecordOptions, explainRecord } from './explain-record.ts';

interface ExplainOptions extends ExplainRecordOptions, AuditPlaceOptions {
  readonly to?: string;
  readonly schema?: string;
  readonly at?: string;
  readonly sourceIp?: string;
}

const HELP = `
QUESTION is SQL, "ACTION OBJECT" such as "select shop.orders", or nothing: may it connect?
Without --as it is the id of a recorded decision, which an error message shows.

  postern explain --as payments/checkout --to orders "delete from shop.orders"
  postern explain --as user/entra/OID --group GROUP --to orders
  postern explain d-7k2m4q
  postern explain d-7k2m4q --dir copy-of-the-audit --policy ./policy    (and what would be said today)

Exit code: 0 allowed, 1 denied, 2 usage or faults in the declaration.`;

export const registerExplain: RegisterCommand = (program, context, run) => {
  const command = program
    .command('explain [question]')
    .description('why something is allowed or denied, or was')
    .option('--as <principal>', 'workload/CLUSTER/NS/SA, NS/SA, user/..., ci/... or agent/...')
    .option('--to <target>', 'name of a Target')
    .option('--schema <name>', 'default schema of the statement')
    .option('--at <time>', 'when (RFC 3339; default: now)')
    .option('--source-ip <address>', 'from where');
  principalOptions(askingOptions(command))
    .option('--dir <directory>', 'audit directory, for a recorded decision')
    .option('--config <file>', 'settings of the gateway, to find the audit')
    .addHelpText('after', HELP)
    .action((question: string | undefined, options: ExplainOptions) =>
      run(() => explainCommand(question, options, context)),
    );
};

async function explainCommand(
  text: string | undefined,
  options: ExplainOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { as, to } = options;
  if (as === undefined && to === undefined && text !== undefined) {
    return explainRecord(text, auditDirectory(options, context), options, context);
  }
  if (as === undefined || to === undefined) {
    throw new PosternError('usage', {
      problem: 'Give --as PRINCIPAL and --to TARGET, or the id of a recorded decision.',
    });
  }
  const policy = await askedPolicy(options, context);
  const target = targetNamed(to, policy);
  const principal = principalNamed({ ...options, as }, policy);
  const now = instant(options.at);
  const access = new DecisionEngine(policy).access(principal, target.id, now) as Access;
  const asked = readAsked(text, target, options.schema);
  const surroundings =
    options.sourceIp === undefined ? { now } : { now, sourceIp: options.sourceIp };
  if (asked.type === 'refused') {
    const { problem, detail } = asked.analysis;
    const reason = `statement-${problem}` as const;
    const decision = { effect: 'deny' as const, reason, detail, rules: [] };
    const explanation = { decision, needs: [], remedies: [] };
    return report(explanation, access, text, undefined, options, context);
  }
  const question = asked.type === 'connect' ? undefined : asked.question;
  const explanation = explain(access, question, surroundings);
  return report(explanation, access, text, question, options, context);
}

function instant(text: string | undefined): number {
  const at = text === undefined ? systemClock.now() : Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new PosternError('usage', {
    problem: `"${text}" is not a time such as 2026-06-01T08:00Z.`,
  });
}

function report(
  explanation: Explanation,
  access: Access,
  text: string | undefined,
  question: RequestQuestion | undefined,
  options: ExplainOptions,
  context: CommandContext,
): ExitCode {
  const { decision, needs, remedies } = explanation;
  const { principal, target } = access;
  if (options.json) {
    const asked = { principal: principal.id, target: target.id, question: text ?? null };
    const kind = question && { kind: question.kind };
    context.out(JSON.stringify({ ...asked, ...kind, decision, needs, remedies }, null, 2));
  } else {
    for (const line of explanationLines(explanation, access, text)) context.out(line);
  }
  return decision.effect === 'allow' ? 0 : 1;
}
