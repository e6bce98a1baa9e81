// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DiagnosticList } from './diagnostic.ts';
import { MAX_FILE_BYTES, parseSource } from './parse.ts';
import { nodeAt, plainValue } from './source-tree.ts';

function parse(text: string) {
  const found = new DiagnosticList();
  const documents = parseSource({ path: 'a.yaml', text }, found);
  return { documents, found: found.sorted(), codes: found.sorted().map(({ code }) => code) };
}

/** Without the prototype-less maps that parsing makes. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

describe('parse', () => {
  it('knows the place of every value', () => {
    const { documents, codes } = parse('# note\na: [1, {b: "x"}]\n---\nc:\n  d: 2\n');
    assert.deepEqual(codes, []);
    const [first, second] = documents;
    assert.ok(first && second);
    const place = (root: typeof first.root, ...path: (string | number)[]) => {
      const node = nodeAt(root, path);
      return node && [node.place.line, node.place.column];
    };
    assert.deepEqual(place(first.root, 'a', 1, 'b'), [2, 12]);
    assert.deepEqual(place(second.root, 'c', 'd'), [5, 6]);
    assert.deepEqual(plain(plainValue(first.root)), { a: [1, { b: 'x' }] });
  });

  it('ignores documents that say nothing', () => {
    assert.deepEqual(parse('---\n# only a note\n---\n~\n---\na: 1\n').documents.length, 1);
    assert.deepEqual(parse('').documents, []);
  });

  it('goes on after a broken document', () => {
    const { documents, codes } = parse('a: [1\n---\nb: 2\n');
    assert.deepEqual(codes, ['yaml-syntax']);
    assert.equal(documents.length, 1);
  });

  it('follows aliases to their latest anchor and bounds them', () => {
    const { documents } = parse('a: &x 1\nb: *x\nc: &x 2\nd: *x\n');
    assert.deepEqual(plain(documents[0] && plainValue(documents[0].root)), {
      a: 1,
      b: 1,
      c: 2,
      d: 2,
    });
    assert.deepEqual(parse('a: &a [*a]\n').codes, ['yaml-too-complex']);
    assert.deepEqual(parse('a: *b\nb: &b 1\n').codes.length, 1);
  });

  it('refuses a file that is too large before looking at it', () => {
    assert.deepEqual(parse('#'.repeat(MAX_FILE_BYTES + 1)).codes, ['file-too-large']);
  });

  it('survives nesting that exhausts a stack', () => {
    for (const text of ['['.repeat(100_000), '{a: '.repeat(50_000), '- '.repeat(50_000)]) {
      const { documents, codes } = parse(text);
      assert.deepEqual(documents, []);
      assert.ok(codes.length > 0);
    }
  });

  it('lets no key reach a prototype', () => {
    const { documents, codes } = parse('__proto__: {admin: true}\nconstructor: x\n');
    assert.deepEqual(codes, ['yaml-key']);
    const value = documents[0] && plainValue(documents[0].root);
    assert.equal(Object.getPrototypeOf(value), null);
    assert.equal((value as Record<string, unknown>)['admin'], undefined);
  });
});
