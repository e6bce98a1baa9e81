// SPDX-License-Identifier: Apache-2.0

/** How a row compares Postern with HAProxy: as a ratio, as what is added to direct, or not. */
type Compared = 'more' | 'less' | 'added' | 'none';

interface Row {
  readonly what: string;
  readonly compared: Compared;
  /** By name of the route. */
  readonly figures: Readonly<Record<string, number>>;
}

const GROUPS = [
  { title: 'plain', direct: 'direct', haproxy: 'haproxy', bare: 'node', postern: 'postern' },
  {
    title: 'mTLS',
    direct: 'direct-tls',
    haproxy: 'haproxy-tls',
    bare: undefined,
    postern: 'postern-tls',
  },
  {
    title: 'mTLS first',
    direct: undefined,
    haproxy: 'haproxy-mtls',
    bare: undefined,
    postern: 'postern-mtls',
  },
] as const;

/** The one table that `make bench` prints. */
export class BenchTable {
  readonly rows: Row[] = [];

  row(what: string, compared: Compared, figure: (route: string) => number | undefined): void {
    const figures: Record<string, number> = {};
    for (const { direct, haproxy, bare, postern } of GROUPS) {
      for (const name of [direct, haproxy, bare, postern]) {
        const value = name === undefined ? undefined : figure(name);
        if (name !== undefined && value !== undefined) figures[name] = value;
      }
    }
    this.rows.push({ what, compared, figures });
  }

  /** Markdown. */
  print(): string {
    const head = GROUPS.flatMap(({ title, direct, bare }) => [
      ...(direct === undefined ? [] : [`${title}: direct`]),
      `${title}: HAProxy`,
      ...(bare === undefined ? [] : [`${title}: bare Node relay`]),
      `${title}: Postern`,
      'compared',
    ]);
    const lines = this.rows.map(({ what, compared, figures }) => {
      const cells = GROUPS.flatMap(({ direct, haproxy, bare, postern }) => [
        ...(direct === undefined ? [] : [text(figures[direct])]),
        text(figures[haproxy]),
        ...(bare === undefined ? [] : [text(figures[bare])]),
        text(figures[postern]),
        comparison(compared, figures[direct ?? ''], figures[haproxy], figures[postern]),
      ]);
      return `| ${[what, ...cells].join(' | ')} |`;
    });
    const rule = `|${'---|'.repeat(head.length + 1)}`;
    return [`| | ${head.join(' | ')} |`, rule, ...lines].join('\n');
  }
}

function text(value: number | undefined): string {
  if (value === undefined) return '';
  if (value >= 1_000) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function comparison(
  compared: Compared,
  direct: number | undefined,
  haproxy: number | undefined,
  postern: number | undefined,
): string {
  if (postern === undefined || compared === 'none') return '';
  if (compared === 'added') return direct === undefined ? '' : `+${(postern - direct).toFixed(2)}`;
  return haproxy === undefined ? '' : `${(postern / haproxy).toFixed(2)}x`;
}
