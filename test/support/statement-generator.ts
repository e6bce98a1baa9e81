// SPDX-License-Identifier: Apache-2.0

/** A small generator of random statements over the tables of test/corpus/statements.ts. */
export class StatementGenerator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** xorshift32: the same seed gives the same statements everywhere. */
  next(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }

  pick<T>(...choices: readonly T[]): T {
    return choices[this.next(choices.length)] as T;
  }

  statement(): string {
    const sql = this.pick(
      () => this.query(3),
      () => this.query(3),
      () => this.query(2),
      () => this.#insert(),
      () => this.#update(),
      () => this.#delete(),
      () => `DO ${this.#expression(2, [])}`,
      () => `SET @x = ${this.#expression(2, [])}`,
    )();
    return this.#disguise(sql);
  }

  query(depth: number, tables: readonly string[] = []): string {
    if (depth > 0 && this.next(5) === 0) return this.#with(depth, tables);
    let sql = this.#select(depth, tables);
    while (depth > 0 && this.next(5) === 0) {
      sql += ` ${this.pick('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT')} `;
      sql += this.pick(this.#select(depth - 1, tables), `(${this.#select(depth - 1, tables)})`);
    }
    return this.next(4) === 0 ? `${sql} LIMIT ${this.next(5)}` : sql;
  }

  /** Names of tables are good names for table expressions: they must hide what they should. */
  #with(depth: number, tables: readonly string[]): string {
    const name = this.pick('t', 'u', 'o', 'c1');
    const body = this.query(depth - 1, tables).replace(
      /^SELECT .*? FROM/,
      'SELECT 1 AS id, 2 AS a FROM',
    );
    return `WITH ${name} AS (${body}) ${this.#select(depth - 1, [...tables, name])}`;
  }

  #select(depth: number, tables: readonly string[]): string {
    if (this.next(8) === 0) return `SELECT ${this.#expression(depth, [])} AS id`;
    const from: string[] = [];
    const aliases: string[] = [];
    for (let count = 1 + this.next(2); count > 0; count--) {
      const alias = `x${this.next(1000)}${count}`;
      aliases.push(alias);
      from.push(`${this.#table(depth, tables)} ${this.pick('', 'AS ')}${alias}`);
    }
    const joined =
      from.length === 1
        ? from[0]
        : this.pick(
            from.join(', '),
            `${from.join(' JOIN ')} ON ${this.#condition(depth, aliases)}`,
            `(${from.join(' CROSS JOIN ')})`,
          );
    let sql = `SELECT ${this.#expression(depth, aliases)} AS id FROM ${joined}`;
    if (this.next(2) === 0) sql += ` WHERE ${this.#condition(depth, aliases)}`;
    if (this.next(6) === 0) sql += ` GROUP BY ${aliases[0]}.id HAVING ${this.#condition(0, [])}`;
    if (this.next(6) === 0) sql += ` ORDER BY ${this.#expression(0, aliases)}`;
    return sql;
  }

  #table(depth: number, tables: readonly string[]): string {
    if (depth > 0 && this.next(4) === 0) return `(${this.query(depth - 1, tables)})`;
    return this.pick(
      't',
      'u',
      '`t`',
      'shop.u',
      'other.o',
      'shop . `t`',
      'v',
      '.t',
      'pt',
      ...tables,
      ...tables,
    );
  }

  #condition(depth: number, aliases: readonly string[]): string {
    const left = this.#expression(depth, aliases);
    if (depth > 0 && this.next(4) === 0) {
      return `${left} IN (${this.query(depth - 1).replace(/ LIMIT \d+$/, '')})`;
    }
    return `${left} ${this.pick('=', '<', '<>', 'AND', 'OR')} ${this.#expression(0, aliases)}`;
  }

  #expression(depth: number, aliases: readonly string[]): string {
    const inner = () => this.#expression(depth - 1, aliases);
    const column = aliases.length > 0 ? `${this.pick(...aliases)}.id` : '7';
    const leaf = () =>
      this.pick(
        column,
        column,
        '1',
        "'it''s'",
        "'a\\'b'",
        '"x"',
        '1.5',
        '.5',
        '1e3',
        '0x41',
        'NULL',
        '@v',
        '@@autocommit',
        "X'41'",
        "N'x'",
      );
    if (depth <= 0) return leaf();
    return this.pick(
      leaf,
      leaf,
      () => `${inner()} ${this.pick('+', '-', '*', 'DIV', 'MOD', '--')}${inner()}`,
      () => `(${inner()})`,
      () => `COALESCE(${inner()}, ${inner()})`,
      () => `IF (${inner()}, 1, 2)`,
      () => `f${this.pick('', ' ')}(${inner()})`,
      () => `other.f2(${inner()})`,
      () => `CASE WHEN ${inner()} THEN 1 ELSE ${inner()} END`,
      () => `CAST(${inner()} AS CHAR(20))`,
      () => `(SELECT MAX(id) FROM ${this.pick('t', 'u', 'other.o')})`,
      () => `EXISTS (${this.query(depth - 1)})`,
      () => `NEXTVAL(${this.pick('s', 'shop.s')})`,
      () => 'NEXT VALUE FOR s',
      () => 'NOW() + INTERVAL 1 DAY',
      () => "SUBSTRING('abc' FROM 2 FOR 1)",
    )();
  }

  #insert(): string {
    const verb = this.pick('INSERT', 'INSERT IGNORE', 'REPLACE');
    const head = `${verb} INTO ${this.pick('t', 'shop.t')}`;
    const body = this.pick(
      () => ` (a) VALUES (${this.#expression(1, [])}), (${this.next(9)})`,
      () => ` SET a = ${this.#expression(1, [])}`,
      () => ` (a) SELECT q.id FROM (${this.query(1)}) q`,
      () => ` (a) (SELECT a FROM u)`,
    )();
    const tail = this.pick('', '', ' RETURNING id', ' RETURNING 1');
    const duplicate = head.startsWith('INSERT')
      ? this.pick('', ' ON DUPLICATE KEY UPDATE a = VALUES(a)', ' ON DUPLICATE KEY UPDATE a = 1')
      : '';
    return head + body + duplicate + tail;
  }

  #update(): string {
    return this.pick(
      () => `UPDATE t SET a = ${this.#expression(1, [])}`,
      () => `UPDATE t x SET a = ${this.#expression(1, ['x'])} WHERE ${this.#condition(1, ['x'])}`,
      () => `UPDATE t x, u y SET x.a = ${this.#expression(1, ['x', 'y'])} WHERE x.id = y.id`,
      () => `UPDATE t x JOIN (${this.query(1)}) d ON d.id = x.id SET x.a = 1`,
      () => 'UPDATE t x JOIN other.o y USING (id) SET y.a = 1, x.a = 2',
    )();
  }

  #delete(): string {
    return this.pick(
      () => `DELETE FROM u WHERE ${this.#condition(1, ['u'])}`,
      () => `DELETE FROM u ${this.pick('', 'LIMIT 1', 'ORDER BY id LIMIT 1')}`,
      () => `DELETE x FROM u x JOIN t y ON ${this.#condition(0, ['x', 'y'])}`,
      () => `DELETE FROM x, y USING u x, other.o y WHERE ${this.#condition(1, ['x', 'y'])}`,
      () => 'DELETE FROM other.o RETURNING id',
    )();
  }

  /** Comments and white space where a space was, sometimes an executable comment around the end. */
  #disguise(sql: string): string {
    if (this.next(3) > 0) return sql;
    return sql.replaceAll(/ (?=[A-Z(])/g, () =>
      this.pick(
        ' ',
        ' ',
        ' ',
        '\n',
        ' /**/ ',
        ' /* FROM vault */ ',
        '\t',
        ' -- x\n',
        ' #y\n',
        ' /*! */ ',
      ),
    );
  }

  /** One token deleted, doubled, swapped or replaced: mostly nonsense, at times another reading. */
  mutate(sql: string): string {
    const parts = sql.split(/(\s+|[(),.;'"`])/).filter((part) => part !== '');
    const at = this.next(parts.length);
    const other = this.next(parts.length);
    switch (this.next(5)) {
      case 0:
        parts.splice(at, 1);
        break;
      case 1:
        parts.splice(at, 0, parts[other] ?? '');
        break;
      case 2:
        [parts[at], parts[other]] = [parts[other] ?? '', parts[at] ?? ''];
        break;
      case 3:
        parts.splice(
          at,
          0,
          this.pick(
            '/*!',
            '*/',
            '/*',
            '--',
            '#',
            "'",
            '`',
            '"',
            '.',
            '\\',
            '(',
            ')',
            ';',
            '@',
            'FROM',
            'u',
            ' other.o ',
            'AS',
            ',',
            '{',
            '1',
            '/*!50101 ',
            '-- ',
          ),
        );
        break;
      default:
        parts[at] = this.pick('t', 'u', 'other.o', 'FROM', 'JOIN', '1', '*', '.', "''", 'f(1)', '');
    }
    return parts.join('');
  }
}
