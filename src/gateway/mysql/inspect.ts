// SPDX-License-Identifier: Apache-2.0
import { type Tags, traceparentFrom } from '../../audit/trace-context.ts';
import type { Denied } from '../../model/decision.ts';
import type { StatementFeatures } from '../../policy/analyse/analysis.ts';
import { decodeComFieldList } from '../../wire/mysql/com-field-list.ts';
import { decodeComProcessKill } from '../../wire/mysql/com-process-kill.ts';
import {
  decodeBulkSets,
  decodeComStmtBulkExecute,
} from '../../wire/mysql/com-stmt-bulk-execute.ts';
import {
  EXECUTE_HEAD_BYTES,
  LAST_PREPARED_STATEMENT_ID,
} from '../../wire/mysql/com-stmt-execute.ts';
import { LONG_DATA_HEAD_BYTES } from '../../wire/mysql/com-stmt-send-long-data.ts';
import { COM } from '../../wire/mysql/commands.ts';
import type { Kill } from '../parts.ts';
import type { Account, Question } from '../request.ts';
import { COMMANDS, type CommandRow } from './commands.ts';
import { DIAGNOSTICS_MODE, readsDiagnostics } from './diagnostics.ts';
import { parseKill } from './kill.ts';
import type { PreparedStatement, PreparedStatements } from './prepared-statements.ts';
import type { QueryAttributes } from './query-attributes.ts';
import { readingOf, type SessionState } from './session-state.ts';
import type { StatementCache } from './statements.ts';

/** One command of the principal, understood: what is asked, and what the audit says about it. */
export interface Inspection {
  readonly row: CommandRow;
  readonly question: Question;
  readonly account: Account;
  /** Set for KILL, which the gateway carries out itself. */
  readonly kill?: Kill;
}

export const NO_FEATURES: StatementFeatures = {
  hasWhere: false,
  localInfile: false,
  multiStatement: false,
  mayHoldCredentials: false,
};
const NOTHING_NEEDED: Account = { needs: [] };

const NOT_PREPARED = 'no statement with this id was prepared and allowed';

const ASCII_NAME = /^[\x20-\x7e]+$/;

const UNKNOWN_COMMAND: CommandRow = {
  name: 'COM_UNKNOWN',
  handling: 'deny',
  answer: 'ok',
  why: 'not a command that Postern knows',
};

/** Turns command payloads into questions; keeps which prepared statement is which. */
export class Inspector {
  readonly #state: SessionState;
  readonly #statements: StatementCache;
  readonly #prepared: PreparedStatements;
  readonly #attributes: QueryAttributes | undefined;

  constructor(
    state: SessionState,
    statements: StatementCache,
    prepared: PreparedStatements,
    attributes?: QueryAttributes,
  ) {
    this.#state = state;
    this.#statements = statements;
    this.#prepared = prepared;
    this.#attributes = attributes;
  }

  /** Reads only during the call; throws `malformed-message` for a payload that is cut off. */
  inspect(payload: Buffer): Inspection {
    const inspection = this.#inspect(payload);
    const tags = this.#attributes?.tags;
    return tags ? { ...inspection, account: withTags(inspection.account, tags) } : inspection;
  }

  #inspect(payload: Buffer): Inspection {
    const code = payload[0] ?? COM.COM_SLEEP;
    const row = COMMANDS.get(code) ?? UNKNOWN_COMMAND;
    if (row.handling === 'deny') {
      return refused(row, 'command-denied', `${row.name} is refused: ${row.why}`);
    }
    switch (code) {
      case COM.COM_QUERY:
        return this.#statement(row, payload.subarray(1));
      case COM.COM_STMT_PREPARE:
        this.#prepared.forgetLast();
        return this.#statement(row, payload.subarray(1));
      case COM.COM_STMT_EXECUTE:
      case COM.COM_STMT_FETCH:
        return this.#execution(row, payload);
      case COM.COM_STMT_BULK_EXECUTE:
        return this.#bulkExecution(row, payload);
      case COM.COM_PROCESS_KILL:
        return killing(
          row,
          { ...decodeComProcessKill(payload), what: 'connection' },
          this.#statements,
        );
      case COM.COM_FIELD_LIST:
        return this.#fieldList(row, payload);
      case COM.COM_INIT_DB:
        return {
          row,
          question: { kind: 'use', needs: [], features: NO_FEATURES },
          account: this.#statements.spoken(`USE ${payload.toString('utf8', 1, 257)}`),
        };
      default:
        return { row, question: other(), account: NOTHING_NEEDED };
    }
  }

  /** A PREPARE was answered; no inspection means that it was denied or failed. */
  prepared(inspection: Inspection | undefined, statementId = 0, parameters = 0): void {
    if (inspection) this.#prepared.add(statementId, inspection, parameters);
    else this.#prepared.forgetLast();
  }

  /**
   * Whether a command that is passed on without a decision may be: long data, resets and closes
   * only for a statement whose PREPARE was allowed.
   */
  mayPass(payload: Buffer): boolean {
    const code = payload[0];
    if (code === COM.COM_PING || code === COM.COM_STATISTICS) return true;
    const id = payload.length >= 5 ? payload.readUInt32LE(1) : 0;
    if (code === COM.COM_STMT_CLOSE && id !== LAST_PREPARED_STATEMENT_ID) {
      return this.#prepared.delete(id);
    }
    const statement = this.#prepared.get(id);
    if (
      statement &&
      code === COM.COM_STMT_SEND_LONG_DATA &&
      payload.length >= LONG_DATA_HEAD_BYTES
    ) {
      statement.sentAhead.add(payload.readUInt16LE(5));
    } else statement?.sentAhead.clear();
    return statement !== undefined;
  }

  /** A reset frees all statements. */
  forgetAll(): void {
    this.#prepared.clear();
  }

  #statement(row: CommandRow, text: Buffer): Inspection {
    const { schema } = this.#state;
    const reading =
      this.#state.reading ??
      (readsDiagnostics(text) ? readingOf(DIAGNOSTICS_MODE, schema) : undefined);
    if (!reading) {
      const detail =
        'how the target reads statements is unknown (session tracking is off or contradicts itself); reset the connection';
      return refused(row, 'session-state-unknown', detail);
    }
    const known = this.#statements.get(text, reading);
    if (known.question.kind === 'kill-query' && !known.question.refusal) {
      const kill = row.name === 'COM_QUERY' ? parseKill(text.toString('latin1')) : undefined;
      if (kill) return killing(row, kill, this.#statements);
      return refused(row, 'statement-kind', 'write KILL QUERY and a number, as a plain statement');
    }
    if (row.answer === 'prepare' && known.question.features.localInfile) {
      return refused(row, 'statement-kind', 'send LOAD DATA LOCAL as a plain statement');
    }
    return { row, question: known.question, account: known.account };
  }

  #execution(row: CommandRow, payload: Buffer): Inspection {
    const statement = this.#prepared.get(payload.length >= 5 ? payload.readUInt32LE(1) : 0);
    if (!statement) return refused(row, 'command-denied', NOT_PREPARED);
    const { question } = statement;
    if (payload[0] !== COM.COM_STMT_EXECUTE) return { row, question, account: statement.account };
    statement.sentAhead.clear();
    return this.#bound(row, statement, payload.subarray(EXECUTE_HEAD_BYTES));
  }

  #bulkExecution(row: CommandRow, payload: Buffer): Inspection {
    const command = decodeComStmtBulkExecute(payload);
    const statement = this.#prepared.get(command.statementId);
    if (!statement) return refused(row, 'command-denied', NOT_PREPARED);
    const { types } = decodeBulkSets(command, statement.parameters, statement.bulkTypes);
    statement.bulkTypes = types;
    return this.#bound(row, statement, command.body);
  }

  #bound(
    row: CommandRow,
    { question, account }: PreparedStatement,
    parameters: Buffer,
  ): Inspection {
    if (parameters.length === 0) return { row, question, account };
    return { row, question, account: this.#statements.withParameters(account, parameters) };
  }

  #fieldList(row: CommandRow, payload: Buffer): Inspection {
    const { schema } = this.#state;
    if (!schema) return refused(row, 'statement-unparsed', 'no database is selected');
    const name = decodeComFieldList(payload).table.toString('latin1');
    // The server reads it in the session's character set, where only ASCII is sure to be the same.
    if (!ASCII_NAME.test(name)) return refused(row, 'statement-unparsed', 'use SHOW COLUMNS');
    const need = { action: 'select', object: { type: 'table', schema, name } } as const;
    return {
      row,
      question: { kind: 'describe', needs: [need], features: NO_FEATURES },
      account: { needs: [`select ${schema}.${name}`] },
    };
  }
}

/** The text's own tags are nearer to the statement than what the driver adds to it. */
function withTags(account: Account, attributes: Tags): Account {
  const tags = { ...attributes, ...account.tags };
  const traceparent = account.traceparent ?? traceparentFrom(attributes);
  return { ...account, tags, ...(traceparent !== undefined && { traceparent }) };
}

function killing(row: CommandRow, kill: Kill, statements: StatementCache): Inspection {
  const what = `KILL ${kill.what.toUpperCase()}`;
  const question = { ...other(), kind: 'kill-query' } as const;
  const account = statements.spoken(`${what} ${kill.connectionId}`, `${what} ?`);
  return { row, question, account, kill };
}

function other(): Question {
  return { kind: 'other', needs: [], features: NO_FEATURES };
}

function refused(row: CommandRow, reason: Denied['reason'], detail: string): Inspection {
  return { row, question: { ...other(), refusal: { reason, detail } }, account: NOTHING_NEEDED };
}
