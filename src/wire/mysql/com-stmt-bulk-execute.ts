// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { binaryValueBytes } from './binary-value.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * MariaDB's COM_STMT_BULK_EXECUTE: downstream to upstream. One statement, many parameter sets.
 * https://mariadb.com/kb/en/com_stmt_bulk_execute/
 */
export interface ComStmtBulkExecute {
  readonly statementId: number;
  /** BULK_* bits. */
  readonly flags: number;
  /** Types and values, for `decodeBulkSets`. */
  readonly body: Buffer;
}

/** The generated ids are wanted back. */
const BULK_GENERATED_IDS = 64;
const BULK_TYPES_FOLLOW = 128;
/** One affected-rows count per set is wanted (MARIADB_CLIENT_BULK_UNIT_RESULTS). */
const BULK_UNIT_RESULTS = 256;
const KNOWN_FLAGS = BULK_GENERATED_IDS | BULK_TYPES_FOLLOW | BULK_UNIT_RESULTS;

/** In front of every value: it follows, or it is NULL, DEFAULT or IGNORE and does not. */
const VALUE_FOLLOWS = 0;
const LAST_INDICATOR = 3;

export function decodeComStmtBulkExecute(payload: Buffer): ComStmtBulkExecute {
  const reader = new ByteReader(payload, 'COM_STMT_BULK_EXECUTE');
  if (reader.u8() !== COM.COM_STMT_BULK_EXECUTE) reader.fail('the command is not 0xfa');
  const statementId = reader.u32();
  const flags = reader.u16();
  if ((flags & ~KNOWN_FLAGS) !== 0) reader.fail(`flags 0x${flags.toString(16)} are not known`);
  return { statementId, flags, body: reader.rest() };
}

export interface BulkSets {
  readonly types: readonly number[];
  readonly count: number;
}

/**
 * The parameter sets of a statement with so many parameters; `known` are the types of an earlier
 * bulk execution, for one that does not send them again.
 */
export function decodeBulkSets(
  command: ComStmtBulkExecute,
  parameters: number,
  known: readonly number[] | undefined,
): BulkSets {
  const reader = new ByteReader(command.body, 'COM_STMT_BULK_EXECUTE');
  if (parameters === 0) reader.fail('the statement has no parameters');
  const sent = (command.flags & BULK_TYPES_FOLLOW) !== 0;
  const types = sent ? readTypes(reader, parameters) : known;
  if (!types) return reader.fail('the parameters come without their types');
  let count = 0;
  while (reader.remaining > 0) {
    for (const type of types) {
      const indicator = reader.u8();
      if (indicator === VALUE_FOLLOWS) reader.skip(binaryValueBytes(reader, type));
      else if (indicator > LAST_INDICATOR) reader.fail(`${indicator} is no indicator`);
    }
    count++;
  }
  if (count === 0) reader.fail('there is no parameter set');
  return { types, count };
}

/** The second byte holds the unsigned flag, which does not change a value's length. */
function readTypes(reader: ByteReader, parameters: number): number[] {
  const types: number[] = [];
  for (let index = 0; index < parameters; index++) {
    types.push(reader.u8());
    reader.skip(1);
  }
  return types;
}

export function encodeComStmtBulkExecute(command: ComStmtBulkExecute): UpstreamPayload {
  return new ByteWriter()
    .u8(COM.COM_STMT_BULK_EXECUTE)
    .u32(command.statementId)
    .u16(command.flags)
    .put(command.body)
    .finish() as UpstreamPayload;
}
