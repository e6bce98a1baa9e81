// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { type Artifact, plainObject, Traced, type Value } from './artifact.ts';
import { artifactYaml } from './yaml.ts';

const rule = (name: string, file = 'policy.yaml') => ({
  name,
  position: { file, line: 7, column: 1 },
});

function artifact(spec: Value): Artifact {
  const metadata = { name: 'a', namespace: 'b', labels: {} };
  return { apiVersion: 'v1', kind: 'Service', metadata, rules: [], content: { spec } };
}

const HARD: readonly string[] = [
  ...[
    '',
    ' ',
    'yes',
    'No',
    'on',
    'null',
    '~',
    'true',
    '3306',
    '1e3',
    '0x1f',
    '1_000',
    '2026-01-01',
  ],
  ...['a: b', 'a #b', '- a', '*', '"', "'", 'a\nb', '\u2028', '\u0085', '\ufeff', 'y', '=', '<<'],
  ...['{a}', '[a]', '&a', '!a', '|', '>', '@a', '%a', '.inf', 'a\tb', '\\', 'é', '\u{1f600}'],
];

describe('yaml', () => {
  it('reads back as what was written, under YAML 1.1 and 1.2', () => {
    const keyed = Object.fromEntries(HARD.map((key) => [`k${key}`, key]));
    const one = artifact({ list: HARD, keyed, nested: [[1, [true]], {}, [], { a: [{ b: 'c' }] }] });
    for (const version of ['1.1', '1.2'] as const) {
      deepEqual(parse(artifactYaml(one), { version }), plainObject(one));
    }
  });

  it('shows the declaration line beside each part, and it changes nothing', () => {
    const spec = {
      limit: new Traced(20, [rule('ServiceClass/s')]),
      rules: [new Traced({ from: 'x' }, [rule('Grant/d/g'), rule('Grant/d/h')])],
    };
    const text = artifactYaml(artifact(spec));
    match(text, /limit: 20 {2}# ServiceClass\/s \(policy\.yaml:7\)\n/);
    match(text, /# Grant\/d\/g \(policy\.yaml:7\), Grant\/d\/h \(policy\.yaml:7\)\n {2}- from: x/);
    deepEqual(parse(text).spec, { limit: 20, rules: [{ from: 'x' }] });
  });

  it('keeps a file name from ending its comment', () => {
    const text = artifactYaml(artifact({ a: new Traced(1, [rule('Grant/d/g', 'x\nevil: true')]) }));
    equal(parse(text).evil, undefined);
  });
});
