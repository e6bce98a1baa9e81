// SPDX-License-Identifier: Apache-2.0
import type { LexerMode } from '../src/policy/analyse/analysis.ts';
import { analyseMysql } from '../src/policy/analyse/mysql/analyse.ts';

/** Statements per second of the analysis alone, on one core, without its cache. */

const MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

const rows = Array.from({ length: 1_000 }, (_, index) => `(${index}, 'name ${index}', NULL)`);

const CASES: readonly (readonly [string, string])[] = [
  ['point select', 'SELECT c FROM sbtest1 WHERE id=12345'],
  ['range', 'SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 1 AND 100 ORDER BY c'],
  ['update', "UPDATE sbtest1 SET c='abcdefghijkl', k=k+1 WHERE id=4711"],
  ['insert', "INSERT INTO sbtest1 (id, k, c, pad) VALUES (1, 2, 'xxxxxxxxxx', 'yyyyyyyyyy')"],
  [
    'ORM join',
    'SELECT `u`.`id`, `u`.`name`, `o`.`total` FROM `users` `u` LEFT JOIN `orders` `o` ' +
      'ON `o`.`user_id` = `u`.`id` WHERE `u`.`active` = 1 AND `o`.`total` > 10.5 ' +
      'ORDER BY `o`.`total` DESC LIMIT 20 OFFSET 40',
  ],
  ['1,000 rows', `INSERT INTO t (a, b, c) VALUES ${rows.join(', ')}`],
];

const DURATION_MS = 1_000;

for (const [name, sql] of CASES) {
  const text = Buffer.from(sql);
  const until = performance.now() + DURATION_MS;
  const start = performance.now();
  let count = 0;
  while (performance.now() < until) {
    for (let index = 0; index < 20; index++) {
      analyseMysql(text, MODE, 'shop', { caseInsensitiveNames: false });
    }
    count += 20;
  }
  const perSecond = (count / (performance.now() - start)) * 1_000;
  const megabytes = (perSecond * text.length) / 1e6;
  process.stdout.write(
    `${name.padEnd(14)}${Math.round(perSecond).toLocaleString('en').padStart(10)} statements/s` +
      `${megabytes.toFixed(0).padStart(6)} MB/s\n`,
  );
}
