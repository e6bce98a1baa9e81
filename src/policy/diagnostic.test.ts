// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DIAGNOSTIC_CODES, DiagnosticList, diagnostic } from './diagnostic.ts';
import { DIAGNOSTIC_CATALOGUE } from './diagnostic-catalogue.ts';

const at = (file: string, line: number, column: number) => ({ file, line, column });

describe('diagnostic', () => {
  it('takes its wording from the catalogue', () => {
    const found = diagnostic('kind-unknown', at('a.yaml', 1, 1), { kind: 'X', suggestion: 'Y.' });
    assert.equal(found.message, 'There is no kind X.');
    assert.equal(found.remedy, 'Y.');
    assert.equal(found.severity, 'error');
  });

  it('lets no fact steer a terminal', () => {
    const kind = `\u001b[2J\n::error::\u202e${'x'.repeat(1000)}`;
    const { message } = diagnostic('kind-unknown', at('a.yaml', 1, 1), { kind });
    assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u);
    assert.ok(message.length < 500);
  });

  it('sorts by place and says nothing twice', () => {
    const list = new DiagnosticList();
    list.add('ci-unbound', at('b.yaml', 1, 1));
    list.add('ci-unbound', at('a.yaml', 10, 1));
    list.add('ci-unbound', at('a.yaml', 9, 5));
    list.add('ci-unbound', at('a.yaml', 9, 5));
    assert.deepEqual(
      list.sorted().map(({ file, line }) => `${file}:${line}`),
      ['a.yaml:9', 'a.yaml:10', 'b.yaml:1'],
    );
  });

  it('tells errors from warnings since a mark', () => {
    const list = new DiagnosticList();
    list.add('ci-unbound', at('a.yaml', 1, 1));
    const mark = list.count;
    list.add('target-observed', at('a.yaml', 2, 1));
    assert.equal(list.hasErrors, true);
    assert.equal(list.hasErrorsSince(mark), false);
  });

  it('ends every sentence', () => {
    for (const code of DIAGNOSTIC_CODES) {
      const { message, remedy } = DIAGNOSTIC_CATALOGUE[code];
      assert.match(message, /\.$/, code);
      assert.match(remedy, /(\.|^\{suggestion\})$/, code);
    }
  });
});
