// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { readHashKeys } from '../../audit/hash-key.ts';
import type { ReadOptions } from '../../audit/read.ts';
import { findStory, type SearchFilter, type SearchHit, search } from '../../audit/search.ts';
import { directorySource, fileChunks } from '../../audit/source.ts';
import { Follower, lastRecords } from '../../audit/tail.ts';
import { verifyAudit } from '../../audit/verify.ts';
import { readSettings } from '../../config/read.ts';
import { systemClock } from '../../model/clock.ts';
import { parseDuration } from '../../model/duration.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { type AuditPlaceOptions, auditDirectory } from '../audit-place.ts';
import { storyText } from '../audit-story.ts';
import { painter, RecordLines } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { SETTINGS_FILE } from '../declaration.ts';
import { verificationText } from '../verification-text.ts';
import { registerPrune } from './audit-prune.ts';

const FOLLOW_INTERVAL_MS = 250;

interface TailOptions extends AuditPlaceOptions {
  readonly follow?: boolean;
  readonly lines: string;
  readonly json?: boolean;
}

interface SearchOptions extends AuditPlaceOptions, SearchFilter {
  readonly likeStatement?: string;
  readonly statementHash?: string;
  readonly hashKey?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

interface VerifyOptions extends AuditPlaceOptions {
  readonly witness?: string;
  readonly key?: string;
  readonly retention?: string;
  readonly json?: boolean;
}

export const registerAudit: RegisterCommand = (program, context, run) => {
  const audit = program
    .command('audit')
    .description('read and verify the audit')
    .addHelpText(
      'after',
      `
  postern audit tail --follow
  postern audit search --decision deny --since 2h --object shop.orders
  postern audit verify --witness heads.jsonl
  postern audit show d26kk2erakeo-y

Exit code: 0 done, 1 the audit does not verify, 2 usage, 3 it cannot be read.`,
    );
  withPlace(audit.command('tail').description('the latest records'))
    .option('-f, --follow', 'go on as records are written')
    .option('-n, --lines <count>', 'so many records', '20')
    .action((options: TailOptions) => run(() => tail(options, context)));
  withPlace(audit.command('search').description('records that match all that is given'))
    .option('--principal <text>', 'part of the principal')
    .option('--target <text>', 'part of the target')
    .option('--decision <decision>', 'allow, deny or would-deny')
    .option('--reason <reason>', 'reason code, e.g. not-permitted')
    .option('--kind <kind>', 'kind of statement, e.g. select')
    .option('--object <object>', 'shop.orders, shop.* or "select shop.orders"')
    .option('--id <id>', 'decision id')
    .option('--session <id>', 'session id')
    .option('--source <address>', 'of the peer, with or without the port')
    .option('--connection <id>', 'connection id of the target, as its own logs have it')
    .option('--trace <id>', 'trace id that the caller stated')
    .option('--text <text>', 'in the statement or detail')
    .option('--like-statement <sql>', 'exactly this statement, also where only its hash is kept')
    .option('--statement-hash <hash>', 'statements with this hash')
    .option('--hash-key <file>', 'keys for --like-statement (default: as in postern.yaml)')
    .option('--since <time>', 'RFC 3339 time, or so long ago: 15m, 2h, 7d')
    .option('--until <time>', 'the same')
    .option('--limit <count>', 'stop after so many')
    .action((options: SearchOptions) => run(() => searchAudit(options, context)));
  withPlace(audit.command('verify').description('check chain, signatures and completeness'))
    .option('--witness <file>', 'heads kept elsewhere: finds what was cut off or replaced')
    .option('--key <file>', 'trust these public keys (PEM), not those beside the audit')
    .option('--retention <duration>', 'a fault when anything was removed sooner, e.g. 400d')
    .action((options: VerifyOptions) => run(() => verify(options, context)));
  registerPrune(audit, context, run);
  withPlace(audit.command('show').argument('<id>', 'decision or session id'))
    .description('everything recorded about one decision or session')
    .action((id: string, options: TailOptions) => run(() => show(id, options, context)));
};

function withPlace(command: Command): Command {
  return command
    .option('--dir <directory>', 'the audit directory (default: as in postern.yaml)')
    .option('--config <file>', 'settings file (default: postern.yaml)')
    .option('--json', 'records as they are stored');
}

async function tail(options: TailOptions, context: CommandContext): Promise<ExitCode> {
  const source = directorySource(auditDirectory(options, context));
  const count = positiveInteger('--lines', options.lines);
  const text = new RecordLines(context.interactive);
  const follower = options.follow ? new Follower(source) : undefined;
  let batch = lastRecords(source, count);
  for (;;) {
    for (const { record, line } of batch) context.out(options.json ? line : text.line(record));
    if (!follower) return 0;
    await wait(FOLLOW_INTERVAL_MS);
    batch = follower.look();
  }
}

async function searchAudit(options: SearchOptions, context: CommandContext): Promise<ExitCode> {
  const source = directorySource(auditDirectory(options, context));
  const limit = options.limit === undefined ? Infinity : positiveInteger('--limit', options.limit);
  checkDecision(options.decision);
  const window = {
    ...(options.since !== undefined && { since: timeOf('--since', options.since) }),
    ...(options.until !== undefined && { until: timeOf('--until', options.until) }),
  };
  const text = new RecordLines(context.interactive);
  let found = 0;
  let last: string | undefined;
  const filter = { ...options, ...statementFilter(options, context) };
  for (const hit of search(source, filter, { ...window, unreadable: warnOf(context) })) {
    found += 1;
    if ('id' in hit.record) last = hit.record.id;
    if (options.json) printLines(hit, context);
    else context.out(text.line(hit.record, outcomeOf(hit)));
    if (found >= limit) break;
  }
  if (options.json) return 0;
  context.err(found === 1 ? '1 record' : `${found} records`);
  if (last) context.err(`Everything about one: postern audit show ${last}`);
  return 0;
}

function statementFilter(
  { likeStatement, statementHash, hashKey, config }: SearchOptions,
  context: CommandContext,
): Pick<SearchFilter, 'statementHashes'> {
  if (likeStatement === undefined) {
    return statementHash === undefined ? {} : { statementHashes: [statementHash] };
  }
  const path =
    hashKey === undefined
      ? readSettings(resolve(context.cwd, config ?? SETTINGS_FILE)).settings.audit.hashKey
      : resolve(context.cwd, hashKey);
  return { statementHashes: readHashKeys(path).hashes(Buffer.from(likeStatement)) };
}

function printLines(hit: SearchHit, context: CommandContext): void {
  context.out(hit.line);
  if (hit.outcome) context.out(hit.outcome.line);
}

function outcomeOf({ record, outcome }: SearchHit): Parameters<RecordLines['line']>[1] {
  if (outcome?.record.event === 'outcome') return outcome.record;
  return record.event === 'intent' && record.decision !== 'deny' ? 'unknown' : undefined;
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const source = directorySource(auditDirectory(options, context));
  const witness = options.witness && resolve(context.cwd, options.witness);
  const leastRetentionMs = options.retention && durationOf('--retention', options.retention);
  const result = verifyAudit(source, {
    ...(leastRetentionMs && { leastRetentionMs }),
    ...(witness && { witness: { file: witness, chunks: fileChunks(witness) } }),
    ...(options.key && { trustedKeys: readText(resolve(context.cwd, options.key)) }),
  });
  const paint = painter(context.interactive);
  if (options.json) context.out(JSON.stringify(result));
  else context.out(verificationText(result, witness !== undefined, paint));
  return result.faultCount === 0 ? 0 : 1;
}

async function show(id: string, options: TailOptions, context: CommandContext): Promise<ExitCode> {
  const directory = auditDirectory(options, context);
  const story = findStory(directorySource(directory), id, { unreadable: warnOf(context) });
  if (story.records.length === 0 && story.session.length === 0) {
    throw new PosternError('usage', { problem: `The audit in ${directory} has no record ${id}.` });
  }
  if (options.json) {
    for (const { line } of [...story.records, ...story.session]) context.out(line);
  } else {
    context.out(storyText(story, painter(context.interactive)));
    if (story.records.length > 0) context.out(`\nThe rules as they were: postern explain ${id}`);
  }
  return 0;
}

function warnOf(context: CommandContext): ReadOptions['unreadable'] {
  return (file, line) => {
    context.err(`${file}:${line} is not a record; postern audit verify tells more.`);
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}

function checkDecision(decision: string | undefined): void {
  if (decision === undefined || ['allow', 'deny', 'would-deny'].includes(decision)) return;
  const problem = `--decision is allow, deny or would-deny, not "${decision}".`;
  throw new PosternError('usage', { problem });
}

function positiveInteger(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new PosternError('usage', { problem: `${option} takes a count, not "${text}".` });
}

function durationOf(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new PosternError('usage', { problem: `${option} takes a duration, not "${text}".` });
}

/** As records have it: RFC 3339 in UTC with milliseconds. */
function timeOf(option: string, text: string): string {
  const ago = parseDuration(text);
  const at = ago === undefined ? Date.parse(text) : systemClock.now() - ago;
  if (Number.isNaN(at)) {
    const problem = `${option} takes a time such as 2027-03-31T06:00:00Z or 15m, not "${text}".`;
    throw new PosternError('usage', { problem });
  }
  return new Date(at).toISOString();
}
