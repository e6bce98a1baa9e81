// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { createConnection } from 'mariadb';
import type { Place } from '../../support/driver-world.ts';
import type { DriverConnection } from './operations.ts';

/** The MariaDB connector for Node, which sends commands ahead of their answers. */
export async function connectMariadbConnector(place: Place): Promise<DriverConnection> {
  const login = { user: place.user, password: place.password, database: 'shop' };
  const connection = await createConnection({
    ...login,
    host: place.host,
    port: place.port,
    ...(place.caFile !== undefined && { ssl: { ca: readFileSync(place.caFile, 'utf8') } }),
    pipelining: true,
    timezone: 'Z',
  });
  return {
    query: async (sql) => visible(await connection.query(sql)),
    execute: async (sql, parameters) => visible(await connection.execute(sql, [...parameters])),
    stream: (sql) => connection.queryStream(sql),
    ping: () => connection.ping(),
    changeUser: () => connection.changeUser(login),
    reset: () => connection.reset(),
    end: () => connection.end(),
  };
}

function visible(result: unknown): unknown {
  if (!Array.isArray(result)) return result;
  const { meta } = result as { meta?: unknown };
  return { rows: result.map(visible), columns: Array.isArray(meta) ? meta.map(column) : undefined };
}

function column(meta: Record<string, unknown> & { name(): string; orgTable(): string }): unknown {
  const { columnType, columnLength, flags, scale, collation } = meta;
  const name = meta.name();
  const table = meta.orgTable();
  return { name, table, columnType, columnLength, flags, scale, collation };
}
