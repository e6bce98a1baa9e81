// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { generatedDocuments, withPart } from '../scripts/reference.ts';
import { parseSettings } from '../src/config/read.ts';
import { DENIAL_REASONS } from '../src/model/decision.ts';
import { ERROR_CODES } from '../src/model/errors.ts';
import { VERSION } from '../src/model/version.ts';
import { checkSources } from '../src/policy/check.ts';
import { MESH_ALLOWS, MESH_DENIES, MESH_UNKNOWNS } from '../src/prove/mesh/mesh-verdict.ts';
import { repositoryFile } from './support/repository-file.ts';
import { filesBelow, readText, tableBelow } from './support/source-files.ts';

const ROOT_PAGES = ['README', 'ARCHITECTURE', 'CONTRIBUTING', 'SECURITY', 'CHANGELOG'];
const pages = [...ROOT_PAGES.map((name) => `${name}.md`), ...filesBelow('docs', '.md')].map(
  (path) => ({ path, text: readText(path) }),
);

describe('documents', () => {
  it('print what the code says', async () => {
    for (const { path, part, text } of await generatedDocuments()) {
      const present = readText(path);
      const expected = part === undefined ? text : withPart(present, part, text);
      assert.equal(present, expected, `${path} is out of date: npm run docs`);
    }
  });

  it('explain every error and every reason of a denial, and no others', () => {
    const page = readText('docs/reference/errors.md');
    const listed = (heading: string) => tableBelow(page, heading).map(([name]) => name);
    assert.deepEqual(listed('## Errors'), [...ERROR_CODES], 'in the order of src/model/errors.ts');
    assert.deepEqual(listed('## Denials'), [...DENIAL_REASONS], 'in the order of decision.ts');
  });

  it('explain every answer of the model of the mesh, and no others', () => {
    const page = readText('docs/reference/mesh-semantics.md');
    const rows = [
      ...MESH_ALLOWS.map((why) => [why, 'allow']),
      ...MESH_DENIES.map((why) => [why, 'deny']),
      ...MESH_UNKNOWNS.map((why) => [why, 'unknown']),
    ];
    const listed = tableBelow(page, '## Answers').map(([why, effect]) => [why, effect]);
    assert.deepEqual(listed, rows, 'in the order of src/prove/mesh/mesh-verdict.ts');
  });

  it('link to files that exist', () => {
    const broken = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)]
        .map(([, link = '']) => join(dirname(path), link))
        .filter((target) => !existsSync(repositoryFile(target)))
        .map((target) => `${path} -> ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it('name files of the source tree that exist', () => {
    const broken = pages
      .filter(({ path }) => path !== 'CHANGELOG.md')
      .flatMap(({ path, text }) =>
        [...text.matchAll(/`((?:src|test|scripts)\/[\w./-]+)`/g)]
          .map(([, name = '']) => name)
          .filter((name) => !existsSync(repositoryFile(name)))
          .map((name) => `${path} -> ${name}`),
      );
    assert.deepEqual(broken, []);
  });

  it('show declarations that hold on their own, but for what they leave out', () => {
    const leftOut = ['reference-unknown', 'subject-selects-nothing', 'deny-selects-nothing'];
    const faults = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/```yaml\n(apiVersion: postern[\s\S]*?)```/g)].flatMap(([, example = '']) =>
        checkSources([{ path, text: example }])
          .diagnostics.filter(({ code }) => !leftOut.includes(code))
          .map((found) => `${path}: ${found.message}`),
      ),
    );
    assert.deepEqual(faults, []);
  });

  it('show metrics and labels on the dashboard that the reference has', () => {
    const reference = readText('docs/reference/metrics.md').split('<!-- metrics -->')[1] ?? '';
    const labels = new Map(
      [...reference.matchAll(/^\| `(\w+)` \| \w+ \| (.*?) \|/gm)].map(
        ([, name = '', list = '']) => [
          name,
          new Set(['instance', ...list.matchAll(/\w+/g)].map(String)),
        ],
      ),
    );
    const dashboard = readText('deploy/grafana/postern.json');
    const expressions = [...dashboard.matchAll(/"(?:expr|query)": "(.*postern_.*)"/g)].map(
      ([, text = '']) => text,
    );
    const faults: string[] = [];
    for (const [, written = '', selector = ''] of expressions
      .join('\n')
      .matchAll(/\b(postern_\w+)(?:\{(.*?)\})?/g)) {
      const known = labels.get(written) ?? labels.get(written.replace(/_(bucket|sum|count)$/, ''));
      if (!known && !/^postern_(process|nodejs)_/.test(written)) faults.push(written);
      for (const [, label = ''] of selector.matchAll(/(\w+)(?:=~|!=|=)/g)) {
        if (known && !known.has(label)) faults.push(`${written} has no ${label}`);
      }
    }
    assert.ok(expressions.length > 20, 'the dashboard has its panels');
    assert.deepEqual(faults, []);
  });

  it('name one version', () => {
    const { version } = JSON.parse(readText('package.json'));
    assert.equal(VERSION, version);
  });

  it('show a postern.yaml that is accepted', () => {
    for (const path of ['docs/start.md', 'docs/reference/config.md']) {
      const examples = [...readText(path).matchAll(/```yaml\n# postern\.yaml\n([\s\S]*?)```/g)];
      assert.ok(examples.length > 0, `${path} has no example`);
      for (const [, text = ''] of examples) parseSettings(text, path);
    }
  });
});
