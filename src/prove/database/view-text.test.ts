// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readViewText } from './view-text.ts';

/** Texts as MariaDB 10.11 wrote them. */
describe('text of a view', () => {
  const b = { schema: 'vw', name: 'b' };

  it('tells which column of which table each of its columns is', () => {
    const text = 'select `vw`.`b`.`id` AS `i``d`,`vw`.`b`.`n` AS `N` from `vw`.`b`';
    const read = readViewText(text);
    deepEqual(
      [...(read?.columns ?? [])],
      [
        ['i`d', { ...b, column: 'id' }],
        ['n', { ...b, column: 'n' }],
      ],
    );
    deepEqual(read?.tables, [b]);
    equal(read?.writable, true);
  });

  it('knows aliases, joins, conditions and computed columns', () => {
    const text =
      "select `x`.`id` AS `id`,ucase(`y`.`n`) AS `u`,'it`s' AS `c` from (`vw`.`b` `x` join `vw`.`b` `y` on(`x`.`id` = `y`.`id`)) where `y`.`s` > 0 order by `x`.`id`";
    const read = readViewText(text);
    equal(read?.writable, false);
    deepEqual(read?.columns.get('id'), { ...b, column: 'id' });
    deepEqual([read?.columns.has('u'), read?.columns.get('u')], [true, undefined]);
    deepEqual([...new Set(read?.uses.map(({ column }) => column))].sort(), ['id', 'n', 's']);
  });

  it('names a view underneath by its own name alone, and the functions that are called', () => {
    const read = readViewText('select `v6`.`id` AS `id`,`pub`.`f`() AS `f` from `pub`.`v6`');
    deepEqual(read?.columns.get('id'), { schema: 'pub', name: 'v6', column: 'id' });
    deepEqual(read?.functions, [{ schema: 'pub', name: 'f' }]);
  });

  it('is a condition alone that leaves it writable', () => {
    const from = 'select `vw`.`b`.`id` AS `id` from `vw`.`b`';
    const where = " where `vw`.`b`.`n` like 'x%' and `vw`.`b`.`id` in (1,2,-3)";
    equal(readViewText(`${from}${where}`)?.writable, true);
    equal(readViewText(`${from} limit 5`)?.writable, false);
    equal(readViewText(from.replace('select', 'select distinct'))?.writable, false);
    equal(readViewText('select count(0) AS `c` from `vw`.`b`')?.writable, false);
  });

  it('is not understood where it could read something else', () => {
    for (const text of [
      '',
      'select `pub`.`f`() AS `f`,(select count(0) from `vw`.`b`) AS `c`',
      'select `vw`.`b`.`id` AS `id` from `vw`.`b` union select `vw`.`c`.`id` AS `id` from `vw`.`c`',
      'with c as (select 1) select `c`.`1` AS `1` from `c`',
      "select 'a\\'b' AS `x` from `vw`.`b`",
      'select "vw"."b"."id" AS "id" from "vw"."b"',
      'select `vw`.`b`.`id` AS `id` from `vw`.`b` where `zz`.`id` = 1',
      'select `id` AS `id` from `vw`.`b`',
      'select `vw`.`b`.`id` AS `id` from (`vw`.`b` join `o`.`b`)',
      'select `vw`.`b`.`id` AS `id` from `vw`.`b` for update',
    ]) {
      equal(readViewText(text), undefined, text);
    }
  });
});
