// SPDX-License-Identifier: Apache-2.0
import type { Denied } from '../../model/decision.ts';
import type { StatementFeatures } from '../../policy/analyse/analysis.ts';
import { decodeComFieldList } from '../../wire/mysql/com-field-list.ts';
import { decodeComProcessKill } from '../../wire/mysql/com-process-kill.ts';
import { LAST_PREPARED_STATEMENT_ID } from '../../wire/mysql/com-stmt-execute.ts';
import { COM } from '../../wire/mysql/commands.ts';
import type { Kill } from '../parts.ts';
import type { Account, Question } from '../request.ts';
import { COMMANDS, type CommandRow } from './commands.ts';
import { parseKill } from './kill.ts';
import type { SessionState } from './session-state.ts';
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

/** Command, statement id, flags and iteration count; what follows are the parameters. */
const EXECUTE_HEADER_LENGTH = 10;

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
  readonly #prepared = new Map<number, Inspection>();
  /** What the driver means by statement id -1; undefined after a denied or failed PREPARE. */
  #lastPrepared: Inspection | undefined;

  constructor(state: SessionState, statements: StatementCache) {
    this.#state = state;
    this.#statements = statements;
  }

  /** Reads only during the call; throws `malformed-message` for a payload that is cut off. */
  inspect(payload: Buffer): Inspection {
    const code = payload[0] ?? COM.COM_SLEEP;
    const row = COMMANDS.get(code) ?? UNKNOWN_COMMAND;
    if (row.handling === 'deny') {
      return refused(row, 'command-denied', `${row.name} is refused: ${row.why}`);
    }
    switch (code) {
      case COM.COM_QUERY:
        return this.#statement(row, payload.subarray(1));
      case COM.COM_STMT_PREPARE:
        // Until it has succeeded there is no last one: not the one before it.
        this.#lastPrepared = undefined;
        return this.#statement(row, payload.subarray(1));
      case COM.COM_STMT_EXECUTE:
      case COM.COM_STMT_FETCH:
        return this.#execution(row, payload);
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
  prepared(inspection: Inspection | undefined, statementId = 0): void {
    this.#lastPrepared = inspection;
    if (inspection) this.#prepared.set(statementId, inspection);
  }

  /**
   * Whether a command that is passed on without a decision may be: long data, resets and closes
   * only for a statement whose PREPARE was allowed.
   */
  mayPass(payload: Buffer): boolean {
    const code = payload[0];
    if (code === COM.COM_PING || code === COM.COM_STATISTICS) return true;
    const id = payload.length >= 5 ? payload.readUInt32LE(1) : 0;
    if (id === LAST_PREPARED_STATEMENT_ID) return this.#lastPrepared !== undefined;
    return code === COM.COM_STMT_CLOSE ? this.#prepared.delete(id) : this.#prepared.has(id);
  }

  /** A reset frees all statements. */
  forgetAll(): void {
    this.#prepared.clear();
    this.#lastPrepared = undefined;
  }

  #statement(row: CommandRow, text: Buffer): Inspection {
    const { mode, schema } = this.#state;
    if (!mode) {
      const detail =
        'how the target reads statements is unknown (session tracking is off or contradicts itself); reset the connection';
      return refused(row, 'session-state-unknown', detail);
    }
    const known = this.#statements.get(text, mode, schema);
    if (known.question.kind === 'kill-query' && !known.question.refusal) {
      const kill = row.name === 'COM_QUERY' ? parseKill(text.toString('latin1')) : undefined;
      if (kill) return killing(row, kill, this.#statements);
      return refused(row, 'statement-kind', 'write KILL QUERY and a number, as a plain statement');
    }
    return { row, question: known.question, account: known.account };
  }

  #execution(row: CommandRow, payload: Buffer): Inspection {
    const id = payload.length >= 5 ? payload.readUInt32LE(1) : 0;
    const prepared =
      id === LAST_PREPARED_STATEMENT_ID ? this.#lastPrepared : this.#prepared.get(id);
    if (prepared) {
      const bound = row.name === 'COM_STMT_EXECUTE' && payload.length > EXECUTE_HEADER_LENGTH;
      const account = bound
        ? this.#statements.withParameters(prepared.account, payload.subarray(EXECUTE_HEADER_LENGTH))
        : prepared.account;
      return { row, question: prepared.question, account };
    }
    return refused(row, 'command-denied', 'no statement with this id was prepared and allowed');
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
