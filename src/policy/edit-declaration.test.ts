// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeclarationEdit, DeclaredRight } from '../model/finding.ts';
import { editDeclaration } from './edit-declaration.ts';

const TEXT = `# whose it is
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: writer, namespace: data}
spec:
  privileges:
    # what the shop needs
    - {tables: [shop.orders, shop.lines], actions: [select, insert]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.public}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data}
spec:
  mariadb:
    broker: {user: b, password: {file: b}}
---
apiVersion: postern.dev/v1alpha1
kind: Deny
metadata: {name: none}
spec: {}
`;
const ROLE = 'DataRole/data/writer';
const table = (name: string, action: string, column?: string): DeclaredRight => ({
  kind: 'tables',
  name,
  action,
  ...(column !== undefined && { column }),
});

function edited(...edits: DeclarationEdit[]) {
  const { documents, sources } = editDeclaration([{ path: 'a.yaml', text: TEXT }], edits);
  return { documents, text: sources[0]?.text ?? '' };
}
const privileges = (text: string) => text.match(/ {4}- .*/g);

describe('edit-declaration', () => {
  it('adds rights to a role once, and keeps what is written beside it', () => {
    const rights = [table('shop.orders', 'delete'), table('shop.orders', 'update', 'note')];
    const edit: DeclarationEdit = { document: ROLE, change: 'allow', rights };
    const { documents, text } = edited(edit, edit);
    match(text, /# whose it is[\s\S]*# what the shop needs/);
    deepEqual(privileges(text)?.slice(2), [
      '    - {tables: [shop.orders], actions: [delete]}',
      '    - {tables: [shop.orders], actions: [update], columns: [note]}',
    ]);
    deepEqual(
      documents.map(({ document, file, line }) => `${document} ${file}:${line}`),
      [`${ROLE} a.yaml:2`],
    );
    equal(text.split('---\n').length, 3);
  });

  const withdrawn: [string, DeclaredRight, string[]][] = [
    [
      'one action on one of two tables',
      table('shop.orders', 'insert'),
      [
        '{tables: [shop.lines], actions: [select, insert]}',
        '{tables: [shop.orders], actions: [select]}',
        '{tables: [shop.customers], actions: [select], columns: [id, name], as: shop.public}',
      ],
    ],
    [
      'what is offered through a view, by the name of the view',
      table('shop.public', 'select'),
      ['{tables: [shop.orders, shop.lines], actions: [select, insert]}'],
    ],
    [
      'nothing that it does not give',
      table('shop.customers', 'select'),
      [
        '{tables: [shop.orders, shop.lines], actions: [select, insert]}',
        '{tables: [shop.customers], actions: [select], columns: [id, name], as: shop.public}',
      ],
    ],
  ];
  for (const [what, right, left] of withdrawn) {
    it(`takes away ${what}`, () => {
      const { text } = edited({ document: ROLE, change: 'withdraw', rights: [right] });
      deepEqual(
        privileges(text),
        left.map((one) => `    - ${one}`),
      );
    });
  }

  it('begins a list, goes on with it, and says nothing twice', () => {
    const path = ['spec', 'mariadb', 'operators'];
    const append = (value: string): DeclarationEdit => {
      return { document: 'Target/data/orders', change: 'append', path, value };
    };
    const { text } = edited(append('a@%'), append('b@localhost'), append('a@%'));
    match(text, /^ {4}operators: \[a@%, b@localhost\]$/m);
  });

  it('takes a document out', () => {
    const { documents, text } = edited({ document: 'Deny/none', change: 'remove' });
    deepEqual(documents, [{ document: 'Deny/none', file: 'a.yaml', line: 18 }]);
    equal(/Deny/.test(text), false);
    equal(/kind: Target/.test(text), true);
  });
});
