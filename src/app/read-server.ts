// SPDX-License-Identifier: Apache-2.0
import { type ObservedServer, observeServer } from '../broker/observe.ts';
import type { Target } from '../policy/policy.ts';
import { type Administrator, connectAsAdministrator } from './target-connection.ts';

/** Who holds what on a MariaDB, bootstrapped or not. Rejects as the connection and the reading do. */
export async function readServer(target: Target, login: Administrator): Promise<ObservedServer> {
  const connection = await connectAsAdministrator(target, login);
  try {
    return await observeServer(connection, target.id);
  } finally {
    await connection.close();
  }
}
