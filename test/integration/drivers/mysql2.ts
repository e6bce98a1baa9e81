// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type FieldPacket,
} from 'mysql2';
import type { Place } from '../../support/driver-world.ts';
import type { DriverConnection } from './operations.ts';

/** Session state is told only to drivers that asked; which variables is the session's own matter. */
const STATE_CHANGED = 0x4000;

/** mysql2 with its callback interface. */
export async function connectMysql2(place: Place): Promise<DriverConnection> {
  const login = { user: place.user, password: place.password, database: 'shop' };
  const connection = createConnection({
    ...login,
    host: place.host,
    port: place.port,
    ...(place.caFile !== undefined && { ssl: { ca: readFileSync(place.caFile, 'utf8') } }),
    enableCleartextPlugin: true,
    timezone: 'Z',
  } as ConnectionOptions);
  await promisify(connection.connect.bind(connection))();
  return {
    query: (sql) => ask((done) => connection.query(sql, done)),
    execute: (sql, parameters) =>
      ask((done) => connection.execute(sql, parameters as string[], done)),
    stream: (sql) => connection.query(sql).stream(),
    ping: promisify(connection.ping.bind(connection)),
    changeUser: () =>
      new Promise<void>((resolve, reject) => {
        connection.changeUser(login, (error) => (error ? reject(error) : resolve()));
      }),
    end: promisify(connection.end.bind(connection)),
  };
}

type Done = NonNullable<Parameters<Connection['query']>[2]>;

function ask(run: (done: Done) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    run((error, result, fields) => {
      if (error) reject(error);
      else resolve({ result: visible(result), fields: columns(fields) });
    });
  });
}

/** Rows as they are; of an OK what the answer says, without the state of the session. */
function visible(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(visible);
  if (result?.constructor?.name !== 'ResultSetHeader') return { ...(result as object) };
  const { affectedRows, insertId, info, warningStatus, serverStatus } = result as Record<
    string,
    unknown
  >;
  const status = Number(serverStatus) & ~STATE_CHANGED;
  return { affectedRows, insertId, info, warningStatus, status };
}

function columns(fields: unknown): unknown {
  if (!Array.isArray(fields)) return undefined;
  return fields.map((field: FieldPacket | FieldPacket[] | undefined) => {
    if (field === undefined || Array.isArray(field)) return columns(field);
    const { name, orgName, table, orgTable, columnType, columnLength, flags, decimals } =
      field as unknown as Record<string, unknown>;
    return { name, orgName, table, orgTable, columnType, columnLength, flags, decimals };
  });
}
