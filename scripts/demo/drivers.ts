// SPDX-License-Identifier: Apache-2.0
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2/promise';
import type { Installation } from './installation.ts';
import { type Terminal, tableText } from './terminal.ts';

/** mysql2 inside a pod: plain protocol to the sidecar, any user name, no password. */
export function connectInPod(port: number): Promise<Connection> {
  return createConnection({ host: '127.0.0.1', port, user: 'app', database: 'shop' });
}

/** mysql2 anywhere: TLS of the protocol, a token as the password. */
export function connectWithToken(installation: Installation, token: string): Promise<Connection> {
  return createConnection({
    host: 'localhost',
    port: installation.gateway.port('people'),
    user: 'me',
    password: token,
    database: 'shop',
    ssl: { ca: installation.read('ca.pem') },
    enableCleartextPlugin: true,
  } as ConnectionOptions);
}

/** Runs a statement and shows what the driver got; resolves with its rows. */
export async function showQuery(
  terminal: Terminal,
  connection: Connection,
  sql: string,
): Promise<readonly RowDataPacket[]> {
  terminal.typed('mysql2>', sql);
  const [result] = await connection.query<RowDataPacket[] | ResultSetHeader>(sql);
  if (!Array.isArray(result)) {
    terminal.output(`${result.affectedRows} row(s) changed`);
    return [];
  }
  terminal.output(tableText(result));
  return result;
}

/** Runs what must be denied and shows the error as the driver has it; resolves with its text. */
export async function showDenied(
  terminal: Terminal,
  attempt: () => Promise<unknown>,
): Promise<string> {
  try {
    await attempt();
  } catch (thrown) {
    const { errno, message } = thrown as { errno?: number; message: string };
    terminal.output(`ERROR ${errno ?? ''}: ${message}`);
    return message;
  }
  terminal.output('(it went through)');
  return '';
}

/** The decision id at the end of every denial. */
export function decisionId(message: string): string {
  return /Decision (d[a-z0-9-]+)/.exec(message)?.[1] ?? '';
}
