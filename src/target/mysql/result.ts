// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { decodeColumnCount } from '../../wire/mysql/column-count.ts';
import { decodeColumnDefinition } from '../../wire/mysql/column-definition.ts';
import { decodeEof, EOF_BYTES, EOF_HEADER } from '../../wire/mysql/eof.ts';
import { decodeErr, ERR_HEADER } from '../../wire/mysql/err.ts';
import { LOCAL_INFILE_HEADER } from '../../wire/mysql/local-infile.ts';
import { decodeOk, OK_HEADER } from '../../wire/mysql/ok.ts';
import { decodeTextRow } from '../../wire/mysql/result-row.ts';
import { SERVER_MORE_RESULTS_EXISTS } from '../../wire/mysql/status.ts';
import type { QueryResult } from './connection.ts';
import type { PacketStream } from './packet-stream.ts';

/** Administrative answers are small; a target that sends more is not what we asked. */
const MAX_MESSAGE_BYTES = 16 << 20;
const MAX_ROWS = 1_000_000;

interface Part {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly affectedRows: number;
  readonly more: boolean;
}

/**
 * Reads the whole answer to a COM_QUERY. Of several results (a CALL) the first with columns counts,
 * and the affected rows of the last. Throws `target-error` with errno and sqlState.
 */
export async function readResult(
  stream: PacketStream,
  capabilities: Capabilities,
  targetName: string,
): Promise<QueryResult> {
  let answer: Part | undefined;
  for (;;) {
    const part = await readPart(stream, capabilities, targetName);
    const withColumns = answer && answer.columns.length > 0 ? answer : part;
    answer = { ...withColumns, affectedRows: part.affectedRows };
    if (!part.more) break;
  }
  const { columns, rows, affectedRows } = answer;
  return { columns, rows, affectedRows };
}

async function readPart(
  stream: PacketStream,
  capabilities: Capabilities,
  targetName: string,
): Promise<Part> {
  const first = await stream.read(MAX_MESSAGE_BYTES);
  if (first[0] === ERR_HEADER) throw targetError(first, targetName);
  if (first[0] === LOCAL_INFILE_HEADER) {
    throw new PosternError('unexpected-message', {
      message: 'LOCAL INFILE request',
      state: 'an administrative statement ran',
    });
  }
  if (first[0] === OK_HEADER) {
    const { affectedRows, status } = decodeOk(first, capabilities);
    return { columns: [], rows: [], affectedRows, more: hasMore(status) };
  }
  const columns: string[] = [];
  const count = decodeColumnCount(first, capabilities).columns;
  while (columns.length < count) {
    const definition = await stream.read(MAX_MESSAGE_BYTES);
    columns.push(decodeColumnDefinition(definition, capabilities).name);
  }
  const deprecateEof = hasCapability(capabilities, CLIENT_DEPRECATE_EOF);
  if (!deprecateEof) decodeEof(await stream.read(MAX_MESSAGE_BYTES));

  const rows: (string | null)[][] = [];
  for (;;) {
    const message = await stream.read(MAX_MESSAGE_BYTES);
    if (message[0] === ERR_HEADER) throw targetError(message, targetName);
    // Rows are below 16 MiB here, so none starts with 0xfe.
    if (message[0] === EOF_HEADER) {
      const isEof = message.length === EOF_BYTES;
      const { status } = isEof ? decodeEof(message) : decodeOk(message, capabilities);
      return { columns, rows, affectedRows: 0, more: hasMore(status) };
    }
    if (rows.length === MAX_ROWS) {
      const problem = `more than ${MAX_ROWS} rows came`;
      throw new PosternError('target-unsupported', { target: targetName, problem });
    }
    rows.push(decodeTextRow(message, count).map((value) => value?.toString('utf8') ?? null));
  }
}

function hasMore(status: number): boolean {
  return (status & SERVER_MORE_RESULTS_EXISTS) !== 0;
}

function targetError(payload: Buffer, target: string): PosternError {
  const { errno, sqlState, message } = decodeErr(payload);
  return new PosternError('target-error', { target, errno, sqlState, problem: message });
}
