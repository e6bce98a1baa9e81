// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { makeCorpus } from '../../../test/support/audit-corpus.ts';
import { REVISION } from '../../../test/support/audit-events.ts';
import { PUBLIC_KEY_FILE } from '../../audit/heads.ts';
import { PosternError } from '../../model/errors.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { registerAudit } from './audit.ts';
import { explainRecord } from './explain-record.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-audit-cli-'));
const directory = join(root, 'audit');
const witness = join(root, 'witness.jsonl');

function contextOf(interactive = false) {
  const out: string[] = [];
  const err: string[] = [];
  const context: CommandContext = {
    cwd: root,
    env: {},
    interactive,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  };
  return { context, out, err };
}

async function postern(words: readonly string[], interactive = false) {
  const { context, out, err } = contextOf(interactive);
  let code: ExitCode | string = 0;
  const program = new Command().exitOverride();
  registerAudit(program, context, async (action) => {
    try {
      code = await action();
    } catch (thrown) {
      code = thrown instanceof PosternError ? thrown.message : String(thrown);
    }
  });
  await program.parseAsync(['audit', ...words], { from: 'user' });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('audit commands', () => {
  before(async () => {
    const corpus = await makeCorpus();
    for (const [path, bytes] of corpus.files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    writeFileSync(join(directory, PUBLIC_KEY_FILE), corpus.publicKey);
    writeFileSync(witness, corpus.witness);
    const policy =
      '# who may what\n---\n\nkind: Grant\nmetadata: {name: checkout-writes}\n---\nkind: X\n';
    const files = [{ path: 'policy/orders.yaml', text: policy }];
    const kept = JSON.stringify({ v: 1, revision: REVISION, files });
    writeFileSync(join(directory, 'policies', `${REVISION}.json`), kept);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('tail shows the latest records, aligned', async () => {
    const { code, out } = await postern(['tail', '--dir', directory, '-n', '3']);
    assert.equal(code, 0);
    const lines = out.split('\n');
    assert.equal(lines.length, 3);
    assert.match(
      lines[0] ?? '',
      /^2027-01-01 00:00:05\.000 {2}ALLOW {7}workload\/prod-weu\/payments\/checkout {2}data-orders\/orders {2}select shop\.orders {2}postern\.0\.2-11$/,
    );
    assert.match(lines[2] ?? '', /gateway .*stopped: corpus$/);
  });

  it('search filters, joins outcomes and counts', async () => {
    const words = ['search', '--dir', 'audit', '--object', 'shop.orders', '--limit', '2'];
    const { code, out, err } = await postern(words);
    assert.equal(code, 0);
    assert.match(out, /select shop\.orders {2}ok, 1 row, 1\.25 ms {2}postern\.0\.1-0/);
    assert.match(err, /^2 records\nEverything about one: postern audit show \S+$/);
    const json = await postern([...words, '--json']);
    const events = json.out.split('\n').map((line) => JSON.parse(line).event);
    assert.deepEqual(events, ['intent', 'outcome', 'intent', 'outcome']);
  });

  it('search refuses words that mean nothing', async () => {
    for (const words of [
      ['--since', 'soon'],
      ['--decision', 'maybe'],
      ['--limit', '0'],
    ]) {
      const { code } = await postern(['search', '--dir', directory, ...words]);
      assert.match(String(code), /, not "(soon|maybe|0)"\.$/);
    }
  });

  it('verify exits 1 and names the fault when something was changed', async () => {
    const { code, out } = await postern(['verify', '--dir', directory, '--witness', witness]);
    assert.equal(code, 1);
    // The kept policy was replaced above, and nothing else.
    assert.match(out, /^The audit does not verify: 1 fault in 54 records in 2 streams/);
    assert.match(out, /policies\/c+\.json {2}policy-changed: .*\(postern\.0\.2\/0+1\.jsonl:2\)/);
    assert.match(out, /Last signed head: 8 of .* Last witnessed: 8 of /);
  });

  it('verify trusts a given key, not the one beside the audit', async () => {
    const other = join(root, 'other.pem');
    const { publicKey } = await makeCorpus();
    writeFileSync(other, publicKey);
    const { out } = await postern(['verify', '--dir', directory, '--key', other, '--json']);
    const { faults } = JSON.parse(out) as { faults: { code: string }[] };
    assert.ok(faults.some(({ code }) => code === 'head-key'));
  });

  it('show tells one decision, and says when there is none', async () => {
    const { code, out } = await postern(['show', 'postern.0.1-3', '--dir', directory]);
    assert.equal(code, 0);
    assert.match(out, /^ALLOW {2}postern\.0\.1-3\n {2}at .* UTC\n {2}principal {2}workload/);
    assert.match(out, /outcome {4}ok, 1 row, 1\.25 ms/);
    const none = await postern(['show', 'd-0', '--dir', directory]);
    assert.match(String(none.code), /has no record d-0/);
  });

  it('asks for a directory when there is nothing to find it by', async () => {
    const { code } = await postern(['tail']);
    assert.match(String(code), /There is no postern\.yaml here; .* --dir DIR/);
  });

  it('explains a decision with the rule as it was then', async () => {
    const { context, out } = contextOf();
    assert.equal(await explainRecord('postern.0.2-4', directory, {}, context), 0);
    assert.match(
      out.join('\n'),
      /\nGrant\/data-orders\/checkout-writes, policy\/orders\.yaml:3\n {2}4 \| kind: Grant\n {2}5 \| metadata: \{name: checkout-writes\}$/,
    );
    await assert.rejects(explainRecord('d-0', directory, {}, context), /has no decision d-0/);
  });

  it('colours only for a person, and lets nothing through to the terminal', async () => {
    const { out } = await postern(['tail', '--dir', directory, '-n', '1'], true);
    assert.ok(out.includes('\u001b['));
    assert.equal(printable('a\u001b[31m\u202eb\n'), 'a\\u001b[31m\\u202eb\\u000a');
  });

  it('stores lines as they are documented', () => {
    const file = join(directory, 'postern.0.1', '000000000001.jsonl');
    assert.ok(
      readFileSync(file, 'utf8').startsWith('{"v":1,"stream":"postern.0.1","seq":1,"time":"'),
    );
  });
});
