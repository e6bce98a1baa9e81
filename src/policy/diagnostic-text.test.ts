// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diagnostic } from './diagnostic.ts';
import { diagnosticText } from './diagnostic-text.ts';

const found = (line: number, column: number) =>
  diagnostic('ci-unbound', { file: 'a.yaml', line, column });

describe('diagnostic-text', () => {
  it('shows place, line, caret and remedy', () => {
    const text = diagnosticText(found(2, 3), [{ path: 'a.yaml', text: 'a: 1\r\nb: 2\r\n' }]);
    const [head, line, caret, help] = text.split('\n');
    assert.match(head ?? '', /^a\.yaml:2:3: error\[ci-unbound\]: /);
    assert.equal(line, '  2 | b: 2');
    assert.equal(caret, '    |   ^');
    assert.match(help ?? '', /^ {2}help: /);
  });

  it('cuts a long line around the caret', () => {
    const source = { path: 'a.yaml', text: `${'x'.repeat(500)}HERE${'y'.repeat(500)}` };
    const [, line = '', caret = ''] = diagnosticText(found(1, 501), [source]).split('\n');
    assert.ok(line.length < 110);
    assert.equal(line.slice(caret.indexOf('^'), caret.indexOf('^') + 4), 'HERE');
  });

  it('shows no control characters of the source', () => {
    const source = { path: 'a.yaml', text: 'a: \u001b[31m\tred' };
    assert.ok(!diagnosticText(found(1, 1), [source]).includes('\u001b'));
  });

  it('does without the source', () => {
    assert.equal(diagnosticText(found(1, 1), []).split('\n').length, 2);
  });
});
