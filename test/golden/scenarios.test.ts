// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryFile } from '../support/repository-file.ts';
import { tableBelow } from '../support/source-files.ts';

const folder = repositoryFile('test/golden');
const rows = tableBelow(readFileSync(join(folder, 'README.md'), 'utf8'), '## Scenarios');
/** How many rows each family has. */
const FAMILIES = { S0: 6, S1: 12, S2: 7, S3: 6, S4: 6 };
/** What bounds access, or names the target. */
const KINDS = ['Service', 'PeerAuthentication', 'AuthorizationPolicy', 'RequestAuthentication'];
const REASONS = ["none: the gateway's", 'none: not compiled yet', 'none: not built yet'];

const casesIn = (cell: string | undefined): readonly string[] =>
  /^none: /.test(cell ?? '') ? [] : (cell ?? '').replaceAll('`', '').split(', ');

describe('golden cases of the scenarios', () => {
  it('have every row once, in order', () => {
    const numbered = Object.entries(FAMILIES).flatMap(([family, count]) =>
      Array.from({ length: count }, (_, index) => `${family}.${index + 1}`),
    );
    assert.deepEqual(
      rows.map(([row]) => row),
      [...numbered, 'H1', 'H2', 'H3', 'H4'],
    );
  });

  it('show each row that the compiler serves, or say why there is nothing to show', () => {
    const faults = rows.flatMap(([row, , cell]) => {
      const cases = casesIn(cell);
      if (cases.length === 0) return REASONS.includes(cell ?? '') ? [] : [`${row}: ${cell}`];
      return cases
        .filter((name) => !existsSync(join(folder, name, 'policy.yaml')))
        .map((name) => `${row}: ${name} is not there`);
    });
    assert.deepEqual(faults, []);
  });

  it('are all wanted by some row', () => {
    const named = new Set(rows.flatMap(([, , cell]) => casesIn(cell)));
    const compiled = readdirSync(folder).filter(
      (name) => /^(mesh|sql)-/.test(name) && existsSync(join(folder, name, 'policy.yaml')),
    );
    // What is refused is nobody's scenario.
    assert.deepEqual(
      compiled.filter((name) => !named.has(name)),
      ['sql-refused'],
    );
  });

  it('show every family that has objects in the mesh with those that bound access', () => {
    for (const family of [...Object.keys(FAMILIES), 'H']) {
      const own = rows.filter(([row]) => row?.startsWith(family));
      const shown = own
        .flatMap(([, , cell]) => casesIn(cell))
        .flatMap((name) => {
          const file = join(folder, name, 'policy.yaml');
          return /^# shows: (.*)/.exec(readFileSync(file, 'utf8'))?.[1]?.split(', ') ?? [];
        });
      assert.ok(
        KINDS.some((kind) => shown.includes(kind)),
        `${family} shows ${shown}`,
      );
    }
  });

  it('give the mesh and the database one rule, not two that look alike', () => {
    const text = (name: string) => readFileSync(join(folder, name, 'policy.yaml'), 'utf8');
    assert.equal(text('mesh-one-rule'), text('sql-one-rule'));
  });
});
