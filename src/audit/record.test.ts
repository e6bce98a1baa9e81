// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { repositoryFile } from '../../test/support/repository-file.ts';
import { FAULT_MEANINGS } from './fault.ts';

const manual = readFileSync(repositoryFile('docs/reference/audit.md'), 'utf8');
const source = readFileSync(repositoryFile('src/audit/record.ts'), 'utf8');
const named = new Set([...manual.matchAll(/`([\w-]+)`/g)].map(([, name]) => name));
/** The log's own property, and parts of an intent whose fields are the record's. */
const NO_FIELDS = new Set<string | undefined>(['accepting', 'origin', 'content']);

describe('record', () => {
  it('has every field and event in docs/reference/audit.md', () => {
    const fields = [...source.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
    assert.ok(fields.length > 40);
    const events = [...source.matchAll(/^ {2}readonly event: (.*);/gm)].flatMap(([, types]) => [
      ...(types ?? '').matchAll(/'([\w-]+)'/g),
    ]);
    assert.ok(events.length >= 7);
    const values = [...source.matchAll(/^ {4}\| '([\w-]+)'/gm)].map(([, name]) => name);
    for (const name of [...fields, ...events.map(([, name]) => name), ...values]) {
      if (!NO_FIELDS.has(name)) assert.ok(named.has(name), `${name} is not documented`);
    }
  });

  it('is verified into faults that each say what they mean', () => {
    for (const meaning of Object.values(FAULT_MEANINGS)) assert.ok(meaning.length > 20);
  });
});
