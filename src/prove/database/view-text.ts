// SPDX-License-Identifier: Apache-2.0

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface ColumnName extends TableName {
  readonly column: string;
}

/** What a view's text says; every name as the server wrote it. */
export interface ViewText {
  readonly tables: readonly TableName[];
  /** By lower-cased name of the view's column; undefined: it is computed. */
  readonly columns: ReadonlyMap<string, ColumnName | undefined>;
  /** Every column that the text names anywhere. */
  readonly uses: readonly ColumnName[];
  /** Stored functions that it calls. */
  readonly functions: readonly TableName[];
  /** One table, nothing but a condition: what is written to the view is written to the table. */
  readonly writable: boolean;
}

interface Token {
  readonly kind: 'name' | 'word' | 'mark' | 'literal';
  readonly text: string;
}

const TOKEN =
  /`((?:[^`]|``)+)`|([a-z_][a-z0-9_$]*)|('(?:[^'\\]|'')*'|\d[\d.]*(?:e[+-]?\d+)?)|([^\s])|\s+/giy;
/** Texts with these are more than one SELECT over tables. */
const REFUSED = new Set(['union', 'except', 'intersect', 'with', 'into', 'select', 'json_table']);
const ENDS_FROM = new Set(['where', 'group', 'having', 'order', 'limit', 'procedure', 'window']);
const JOINS = new Set(['join', 'left', 'right', 'inner', 'cross', 'straight_join', 'outer']);

/**
 * A view's text as MariaDB writes it in information_schema.VIEWS: names in backticks and qualified,
 * functions of its own as bare words. Undefined for everything but a SELECT over tables and joins of
 * tables: what it reads is then not known.
 */
export function readViewText(text: string): ViewText | undefined {
  const tokens = tokenise(text);
  return tokens && new ViewReader(tokens).read();
}

function tokenise(text: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const found = TOKEN.exec(text);
    if (!found) return undefined;
    const [, name, word, literal, mark] = found;
    // Whether a backslash in a literal escalations depends on a mode that is not observed.
    if (mark === "'" || mark === '`' || mark === '"' || mark === '\\') return undefined;
    if (name !== undefined) tokens.push({ kind: 'name', text: name.replaceAll('``', '`') });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase() });
    else if (literal !== undefined) tokens.push({ kind: 'literal', text: literal });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark });
  }
  return tokens;
}

class ViewReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  readonly #aliases = new Map<string, TableName>();
  readonly #tables: TableName[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  read(): ViewText | undefined {
    if (!this.#accept('word', 'select')) return undefined;
    const distinct = this.#accept('word', 'distinct');
    const rest = this.#tokens.slice(this.#at);
    if (rest.some(({ kind, text }) => kind === 'word' && REFUSED.has(text))) return undefined;
    const itemsAt = this.#at;
    const from = this.#fromAt();
    if (from === undefined) return undefined;
    this.#at = from + 1;
    if (!this.#tableList()) return undefined;
    const end = this.#at;
    const next = this.#tokens[end];
    if (next && !(next.kind === 'word' && ENDS_FROM.has(next.text))) return undefined;
    const columns = this.#items(itemsAt, from);
    const paths = this.#paths(itemsAt, this.#tokens.length);
    if (!columns || !paths) return undefined;
    const onlyWhere = !next || (next.text === 'where' && this.#endsWithWhere(end + 1));
    const writable = this.#tables.length === 1 && !distinct && onlyWhere && !this.#aggregates();
    return { tables: this.#tables, columns, ...paths, writable };
  }

  /** `a`.`b` `alias` join (`c`.`d` join ...) on(...), as far as it goes. */
  #tableList(): boolean {
    if (!this.#tableReference()) return false;
    for (;;) {
      let joined = this.#accept('mark', ',');
      while (this.#word((text) => JOINS.has(text))) joined = true;
      if (!joined) return true;
      if (!this.#tableReference()) return false;
      if (this.#accept('word', 'on') && !this.#skipParentheses()) return false;
    }
  }

  #tableReference(): boolean {
    if (this.#accept('mark', '(')) return this.#tableList() && this.#accept('mark', ')');
    const schema = this.#name();
    if (schema === undefined || !this.#accept('mark', '.')) return false;
    const name = this.#name();
    if (name === undefined) return false;
    const table = { schema, name };
    this.#tables.push(table);
    const alias = this.#name() ?? name;
    // Two of one name: a column's qualifier would not tell which is meant.
    if (this.#aliases.has(alias)) return false;
    this.#aliases.set(alias, table);
    return true;
  }

  #skipParentheses(): boolean {
    if (!this.#accept('mark', '(')) return false;
    for (let depth = 1; depth > 0; this.#at += 1) {
      const token = this.#tokens[this.#at];
      if (!token) return false;
      if (token.kind === 'mark' && token.text === '(') depth += 1;
      if (token.kind === 'mark' && token.text === ')') depth -= 1;
    }
    return true;
  }

  /** Each ends with AS and its name; one that is a path alone is that column. */
  #items(from: number, end: number): ViewText['columns'] | undefined {
    const columns = new Map<string, ColumnName | undefined>();
    let [start, depth] = [from, 0];
    for (let index = from; index <= end; index += 1) {
      const token = this.#tokens[index];
      if (token?.kind === 'mark' && token.text === '(') depth += 1;
      if (token?.kind === 'mark' && token.text === ')') depth -= 1;
      const ends = index === end || (depth === 0 && token?.kind === 'mark' && token.text === ',');
      if (!ends) continue;
      const [as, name] = this.#tokens.slice(index - 2, index);
      if (as?.text !== 'as' || as.kind !== 'word' || name?.kind !== 'name') return undefined;
      const path = this.#paths(start, index - 2);
      if (!path) return undefined;
      const [column] = path.uses;
      const plain = column && this.#tokens.slice(start, index - 2).every(isPathToken);
      columns.set(name.text.toLowerCase(), plain ? column : undefined);
      start = index + 1;
    }
    return columns;
  }

  /** Columns and stored functions named between two places; undefined: a path of another kind. */
  #paths(from: number, end: number): Pick<ViewText, 'uses' | 'functions'> | undefined {
    const [uses, functions]: [ColumnName[], TableName[]] = [[], []];
    for (let index = from; index < end; ) {
      const path = this.#pathAt(index, end);
      if (path.length === 0) {
        index += 1;
        continue;
      }
      const after = this.#tokens[index + path.length * 2 - 1];
      const before = this.#tokens[index - 1];
      index += path.length * 2 - 1;
      const [first = '', second = '', third] = path;
      if (path.length === 1) {
        // An alias after AS, or of a table; anything else would be a column without its table.
        if (before?.text === 'as' || before?.kind === 'name') continue;
        return undefined;
      }
      if (path.length === 2 && after?.kind === 'mark' && after.text === '(') {
        functions.push({ schema: first, name: second });
      } else if (path.length === 2 && this.#isTable(first, second, before)) {
        if (this.#aliases.has(first)) return undefined;
      } else {
        const table = third === undefined ? this.#aliases.get(first) : this.#table(first, second);
        if (!table || path.length > 3) return undefined;
        uses.push({ ...table, column: third ?? second });
      }
    }
    return { uses, functions };
  }

  /** In the place of a table: after FROM, a join, a comma or parenthesis of the list. */
  #isTable(schema: string, name: string, before: Token | undefined): boolean {
    const place = before && (before.text === 'from' || JOINS.has(before.text));
    const opens = before?.kind === 'mark' && (before.text === '(' || before.text === ',');
    return Boolean(place || opens) && this.#table(schema, name) !== undefined;
  }

  #table(schema: string, name: string): TableName | undefined {
    return this.#tables.find((table) => table.schema === schema && table.name === name);
  }

  #pathAt(index: number, end: number): readonly string[] {
    const path: string[] = [];
    for (let at = index; at < end; at += 2) {
      const token = this.#tokens[at];
      if (token?.kind !== 'name') break;
      path.push(token.text);
      const dot = this.#tokens[at + 1];
      if (dot?.kind !== 'mark' || dot.text !== '.') break;
    }
    return path;
  }

  #endsWithWhere(from: number): boolean {
    return !this.#tokens
      .slice(from)
      .some(({ kind, text }) => kind === 'word' && ENDS_FROM.has(text) && text !== 'where');
  }

  #aggregates(): boolean {
    const names = /^(count|sum|avg|min|max|group_concat|std|stddev|variance|bit_|json_.*agg)/;
    return this.#tokens.some(({ kind, text }) => kind === 'word' && names.test(text));
  }

  /** FROM also stands inside TRIM and EXTRACT. */
  #fromAt(): number | undefined {
    let depth = 0;
    for (let index = this.#at; index < this.#tokens.length; index += 1) {
      const { kind, text } = this.#tokens[index] ?? { kind: 'mark', text: '' };
      if (kind === 'mark' && text === '(') depth += 1;
      if (kind === 'mark' && text === ')') depth -= 1;
      if (depth === 0 && kind === 'word' && text === 'from') return index;
    }
    return undefined;
  }

  #accept(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.kind === kind && token.text === text;
    if (found) this.#at += 1;
    return found;
  }

  #word(wanted: (text: string) => boolean): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.kind === 'word' && wanted(token.text);
    if (found) this.#at += 1;
    return found === true;
  }

  #name(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'name') return undefined;
    this.#at += 1;
    return token.text;
  }
}

function isPathToken({ kind, text }: Token): boolean {
  return kind === 'name' || (kind === 'mark' && text === '.');
}
