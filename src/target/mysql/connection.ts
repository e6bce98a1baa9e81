// SPDX-License-Identifier: Apache-2.0

/** One result set; values as the server's text protocol gives them (utf8mb4), null for NULL. */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly affectedRows: number;
}

/** An administrative connection: ours, not relayed. Statements run one after another. */
export interface AdminConnection {
  readonly serverVersion: string;
  readonly connectionId: number;
  /** Rejects with `target-error` (errno, SQLSTATE and text in the facts) or `peer-closed`. */
  query(sql: string): Promise<QueryResult>;
  close(): Promise<void>;
  readonly closed: boolean;
}
