// SPDX-License-Identifier: Apache-2.0
import { decodeClearPassword } from '../../src/wire/mysql/auth/clear-password.ts';
import { decodeAuthMoreData } from '../../src/wire/mysql/auth-more-data.ts';
import { decodeAuthSwitch } from '../../src/wire/mysql/auth-switch.ts';
import type { Capabilities } from '../../src/wire/mysql/capabilities.ts';
import { decodeColumnCount } from '../../src/wire/mysql/column-count.ts';
import { decodeColumnDefinition } from '../../src/wire/mysql/column-definition.ts';
import { decodeComChangeUser } from '../../src/wire/mysql/com-change-user.ts';
import { decodeComFieldList } from '../../src/wire/mysql/com-field-list.ts';
import { decodeComInitDb } from '../../src/wire/mysql/com-init-db.ts';
import { decodeComProcessKill } from '../../src/wire/mysql/com-process-kill.ts';
import { decodeComQuery } from '../../src/wire/mysql/com-query.ts';
import { decodeComSetOption } from '../../src/wire/mysql/com-set-option.ts';
import {
  decodeBulkSets,
  decodeComStmtBulkExecute,
} from '../../src/wire/mysql/com-stmt-bulk-execute.ts';
import { decodeComStmtClose } from '../../src/wire/mysql/com-stmt-close.ts';
import {
  decodeComStmtExecute,
  decodeExecuteParameters,
} from '../../src/wire/mysql/com-stmt-execute.ts';
import { decodeComStmtFetch } from '../../src/wire/mysql/com-stmt-fetch.ts';
import { decodeComStmtPrepare, decodePrepareOk } from '../../src/wire/mysql/com-stmt-prepare.ts';
import { decodeComStmtReset } from '../../src/wire/mysql/com-stmt-reset.ts';
import { decodeComStmtSendLongData } from '../../src/wire/mysql/com-stmt-send-long-data.ts';
import { decodeCommandOnly } from '../../src/wire/mysql/command-only.ts';
import { decodeCompressedHeader } from '../../src/wire/mysql/compressed-packet.ts';
import { decodeEof } from '../../src/wire/mysql/eof.ts';
import { decodeErr } from '../../src/wire/mysql/err.ts';
import { decodeAttributedExecute } from '../../src/wire/mysql/execute-attributes.ts';
import { decodeHandshake } from '../../src/wire/mysql/handshake.ts';
import { decodeHandshakeResponse } from '../../src/wire/mysql/handshake-response.ts';
import { decodeLocalInfile } from '../../src/wire/mysql/local-infile.ts';
import { decodeOk } from '../../src/wire/mysql/ok.ts';
import { decodeProgress } from '../../src/wire/mysql/progress.ts';
import { decodeTextRow } from '../../src/wire/mysql/result-row.ts';
import { decodeSessionTrack } from '../../src/wire/mysql/session-track.ts';
import { decodeSslRequest } from '../../src/wire/mysql/ssl-request.ts';
import { MESSAGE_VECTORS } from '../vectors/mysql/messages.ts';
import type { FuzzTarget } from './fuzz.ts';

type Decode = (payload: Buffer, capabilities: Capabilities) => unknown;

/**
 * Every decoder of src/wire/mysql by the name its function exports; `vectors` is its key in
 * test/vectors/mysql/messages.ts. A test compares this table with the files.
 */
export const MYSQL_DECODERS: Readonly<Record<string, { vectors: string; decode: Decode }>> = {
  decodeAttributedExecute: {
    vectors: 'execute-attributes',
    decode: (payload) => decodeAttributedExecute(payload, (payload.at(-1) ?? 0) & 3, new Set([1])),
  },
  decodeAuthMoreData: { vectors: 'auth-more-data', decode: decodeAuthMoreData },
  decodeAuthSwitch: { vectors: 'auth-switch', decode: decodeAuthSwitch },
  decodeBulkSets: {
    vectors: 'com-stmt-bulk-execute',
    decode: (payload) => {
      const parameters = (payload.at(-1) ?? 0) & 3;
      return decodeBulkSets(decodeComStmtBulkExecute(payload), parameters, undefined);
    },
  },
  decodeClearPassword: { vectors: 'clear-password', decode: decodeClearPassword },
  decodeColumnCount: { vectors: 'column-count', decode: decodeColumnCount },
  decodeColumnDefinition: { vectors: 'column-definition', decode: decodeColumnDefinition },
  decodeComChangeUser: { vectors: 'com-change-user', decode: decodeComChangeUser },
  decodeComFieldList: { vectors: 'com-field-list', decode: decodeComFieldList },
  decodeComInitDb: { vectors: 'com-init-db', decode: decodeComInitDb },
  decodeComProcessKill: { vectors: 'com-process-kill', decode: decodeComProcessKill },
  decodeComQuery: { vectors: 'com-query', decode: decodeComQuery },
  decodeComSetOption: { vectors: 'com-set-option', decode: decodeComSetOption },
  decodeComStmtBulkExecute: { vectors: 'com-stmt-bulk-execute', decode: decodeComStmtBulkExecute },
  decodeComStmtClose: { vectors: 'com-stmt-close', decode: decodeComStmtClose },
  decodeComStmtExecute: { vectors: 'com-stmt-execute', decode: decodeComStmtExecute },
  decodeComStmtFetch: { vectors: 'com-stmt-fetch', decode: decodeComStmtFetch },
  decodeComStmtPrepare: { vectors: 'com-stmt-prepare', decode: decodeComStmtPrepare },
  decodeComStmtReset: { vectors: 'com-stmt-reset', decode: decodeComStmtReset },
  decodeComStmtSendLongData: {
    vectors: 'com-stmt-send-long-data',
    decode: decodeComStmtSendLongData,
  },
  decodeCommandOnly: { vectors: 'command-only', decode: decodeCommandOnly },
  decodeCompressedHeader: { vectors: 'compressed-packet', decode: decodeCompressedHeader },
  decodeEof: { vectors: 'eof', decode: decodeEof },
  decodeErr: { vectors: 'err', decode: decodeErr },
  decodeExecuteParameters: {
    vectors: 'com-stmt-execute',
    decode: (payload) => decodeExecuteParameters(payload, (payload.at(-1) ?? 0) & 15),
  },
  decodeHandshake: { vectors: 'handshake', decode: decodeHandshake },
  decodeHandshakeResponse: { vectors: 'handshake-response', decode: decodeHandshakeResponse },
  decodeLocalInfile: { vectors: 'local-infile', decode: decodeLocalInfile },
  decodeOk: { vectors: 'ok', decode: decodeOk },
  decodePrepareOk: { vectors: 'prepare-ok', decode: decodePrepareOk },
  decodeProgress: { vectors: 'progress', decode: decodeProgress },
  decodeSessionTrack: { vectors: 'session-track', decode: decodeSessionTrack },
  decodeSslRequest: { vectors: 'ssl-request', decode: decodeSslRequest },
  decodeTextRow: { vectors: 'result-row', decode: (payload) => decodeTextRow(payload, 2) },
};

/** Nothing negotiated, and everything: the two ends of what a decoder can be told. */
const CAPABILITIES: readonly Capabilities[] = [0n, 0xffff_ffff_ffff_ffffn];

export const MYSQL_DECODER_TARGETS: readonly FuzzTarget[] = Object.entries(MYSQL_DECODERS).map(
  ([name, { vectors, decode }]) => ({
    name,
    seeds: (MESSAGE_VECTORS[vectors] ?? []).map(({ payload }) => payload),
    run(input, random) {
      decode(input, random.pick(CAPABILITIES));
    },
  }),
);
