// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { createCoordinatorMetrics } from '../src/app/coordinator-metrics.ts';
import { createMetrics } from '../src/app/metrics.ts';
import { runCli } from '../src/cli/cli.ts';
import { authoritySettingsSchema } from '../src/config/authority-settings.ts';
import { settingsSchema } from '../src/config/settings.ts';
import { COMMANDS } from '../src/gateway/mysql/commands.ts';
import { MYSQL_DENIALS } from '../src/gateway/mysql/errors.ts';
import { offeredCapabilities, passedUpstream } from '../src/gateway/mysql/negotiation.ts';
import { refusalText } from '../src/identity/refusal-text.ts';
import { DENIAL_REASONS } from '../src/model/decision.ts';
import * as capabilities from '../src/wire/mysql/capabilities.ts';
import { declarationPage } from './reference/declaration.ts';
import { diagnosticsPage } from './reference/diagnostics.ts';

const NOTHING_ALLOWED = { multiStatement: false, localInfile: false };
const ALL_ALLOWED = { multiStatement: true, localInfile: true };

/** A part of a page between `<!-- NAME -->` and `<!-- /NAME -->`, or a whole file. */
export interface Generated {
  readonly path: string;
  readonly part?: string;
  readonly text: string;
}

/** Everything in docs/ that is printed from code; a test compares it with what is checked in. */
export async function generatedDocuments(): Promise<Generated[]> {
  const schema = z.toJSONSchema(settingsSchema, { io: 'input' }) as Schema;
  const wire = 'docs/protocols/mysql.md';
  return [
    { path: 'docs/reference/config.md', part: 'settings', text: settingsTable(schema) },
    {
      path: 'docs/reference/config.md',
      part: 'authority-settings',
      text: settingsTable(z.toJSONSchema(authoritySettingsSchema, { io: 'input' }) as Schema),
    },
    { path: 'docs/reference/postern.schema.json', text: `${JSON.stringify(schema, null, 2)}\n` },
    { path: 'docs/reference/declaration.md', text: declarationPage() },
    { path: 'docs/reference/diagnostics.md', text: diagnosticsPage() },
    { path: 'docs/reference/metrics.md', part: 'metrics', text: await metricsTable() },
    { path: 'docs/reference/cli.md', part: 'commands', text: await commandPages() },
    { path: wire, part: 'commands', text: commandTable() },
    { path: wire, part: 'capabilities', text: capabilityTable() },
    { path: wire, part: 'denials', text: denialTable() },
  ];
}

/** The document with its part replaced; throws when the markers are not there. */
export function withPart(document: string, part: string, text: string): string {
  const [start, end] = [`<!-- ${part} -->\n`, `<!-- /${part} -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no ${start.trim()} ... ${end}`);
  return `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`;
}

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function settingsTable(schema: Schema): string {
  const rows: string[][] = [];
  const walk = (at: string, node: Schema) => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const key = `${at}${name}`;
      const needed = node.required?.includes(name) ? 'required' : '-';
      const given = child.properties || child.default === undefined ? needed : code(child.default);
      rows.push([`\`${key}\``, typeText(child), given, child.description ?? '']);
      if (child.properties) walk(`${key}.`, child);
      if (child.items?.properties) walk(`${key}[].`, child.items);
    }
  };
  walk('', schema);
  return table(['Key', 'Type', 'Default', 'Meaning'], rows);
}

function typeText(node: Schema): string {
  if (node.const !== undefined) return code(node.const);
  if (node.enum) return node.enum.map(code).join(', ');
  if (node.anyOf) return node.anyOf.map(typeText).join(' or ');
  if (node.items) return `list of ${typeText(node.items)}`;
  return node.type ?? 'text';
}

/** One sample each, so that the labels show. */
async function metricsTable(): Promise<string> {
  const { meter, spans, values } = createMetrics({
    sessionsByTarget: () => new Map([['t', 1]]),
    bufferedBytes: () => 0,
    auditAccepting: () => true,
  });
  const { policyRead, workerReplaced, print } = createCoordinatorMetrics({
    targetReady: () => new Map([['t', true]]),
    workers: () => 2,
    drift: () => [{ layer: 'database', where: 'w', findings: [], omitted: 1, checkedAt: 1 }],
    auditHeads: () => ({ signed: 7, witnessed: 7 }),
    ofWorkers: async () => [await values()],
  });
  workerReplaced();
  meter.connectionFailed('l', 'tls');
  meter.upstreamTaken('t', 'kept');
  meter.loginDenied('anonymous', 't');
  meter.sessionOpened('t');
  meter.sessionClosed('t', 'closed-by-peer');
  meter.requestDecided('t', 'allow', '');
  meter.requestDone('t', 'ok', 1, 1);
  policyRead('accepted');
  spans('exported', 1);
  const text = await print();
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)\n(.*)/gm)]
    .map(([, name = '', help = '', type = '', sample = '']) => {
      const labels = [...sample.matchAll(/[{,](\w+)=/g)].map(([, label = '']) => label);
      const own = labels.filter((label) => label !== 'le').map(code);
      return [code(name), type, own.join(', '), help];
    })
    .filter(([name]) => !/postern_(process|nodejs)_/.test(name ?? ''));
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}

/** The help of every command and subcommand, as the command line prints it. */
async function commandPages(): Promise<string> {
  const pages: string[] = [];
  const visit = async (words: readonly string[]): Promise<void> => {
    const help = await helpOf(words);
    const title = ['postern', ...words].join(' ');
    pages.push(`${words.length > 1 ? '###' : '##'} ${title}\n\n\`\`\`text\n${help}\n\`\`\``);
    const listed = help.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
    for (const [, name = ''] of listed.matchAll(/^ {2}([a-z-]+)/gm)) {
      if (name !== 'help') await visit([...words, name]);
    }
  };
  await visit([]);
  return pages.join('\n\n');
}

async function helpOf(words: readonly string[]): Promise<string> {
  const lines: string[] = [];
  await runCli([...words, '--help'], {
    cwd: '/',
    env: {},
    interactive: false,
    out: (text) => lines.push(text),
    err: (text) => lines.push(text),
  });
  return lines.join('\n').trim();
}

function commandTable(): string {
  const rows = [...COMMANDS].map(([number, { name, handling, why }]) => [
    `0x${number.toString(16).padStart(2, '0')}`,
    code(name),
    handling,
    why,
  ]);
  return table(['Code', 'Command', 'Handling', 'Why'], rows);
}

function capabilityTable(): string {
  const flags = Object.entries(capabilities).flatMap(([name, value]) =>
    /^(CLIENT|MARIADB)_/.test(name) && typeof value === 'bigint' ? [[name, value] as const] : [],
  );
  const all = flags.reduce((sum, [, value]) => sum | value, 0n);
  const always = offeredCapabilities(0n);
  const rows = flags
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => [
      code(name),
      name === 'CLIENT_SSL'
        ? 'if `tls` is configured'
        : (always & value) !== 0n
          ? 'always'
          : (offeredCapabilities(all) & value) !== 0n
            ? 'if the target does'
            : 'never',
      (passedUpstream(0n, NOTHING_ALLOWED) & value) !== 0n
        ? 'always'
        : (passedUpstream(all, NOTHING_ALLOWED) & value) !== 0n
          ? 'if negotiated'
          : (passedUpstream(all, ALL_ALLOWED) & value) !== 0n
            ? 'if negotiated and a role allows it'
            : 'own login',
    ]);
  return table(['Capability', 'Offered downstream', 'Asked upstream'], rows);
}

function denialTable(): string {
  const rows = DENIAL_REASONS.map((reason) => {
    const { errno, sqlState, showsDetail } = MYSQL_DENIALS[reason];
    return [
      code(reason),
      String(errno),
      sqlState,
      showsDetail ? 'the detail' : refusalText(reason),
    ];
  });
  return table(['Reason', 'errno', 'SQLSTATE', 'Peer hears'], rows);
}

function code(value: unknown): string {
  return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n');
}
