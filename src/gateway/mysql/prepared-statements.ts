// SPDX-License-Identifier: Apache-2.0
import { LAST_PREPARED_STATEMENT_ID } from '../../wire/mysql/com-stmt-execute.ts';
import type { Account, Question } from '../request.ts';

/** A statement whose PREPARE was allowed and succeeded. */
export interface PreparedStatement {
  readonly question: Question;
  readonly account: Account;
  /** How many `?` it has. */
  readonly parameters: number;
  /** Types of the last bulk execution that sent them. */
  bulkTypes?: readonly number[];
  /** Parameters sent ahead (COM_STMT_SEND_LONG_DATA): the next execution lacks their values. */
  readonly sentAhead: Set<number>;
}

/** Which prepared statement is which, by the target's ids. */
export class PreparedStatements {
  readonly #byId = new Map<number, PreparedStatement>();
  /** What the driver means by statement id -1; undefined after a denied or failed PREPARE. */
  #last: PreparedStatement | undefined;

  get(id: number): PreparedStatement | undefined {
    return id === LAST_PREPARED_STATEMENT_ID ? this.#last : this.#byId.get(id);
  }

  add(
    id: number,
    { question, account }: Pick<PreparedStatement, 'question' | 'account'>,
    parameters: number,
  ): void {
    this.#last = { question, account, parameters, sentAhead: new Set() };
    this.#byId.set(id, this.#last);
  }

  /** Until the PREPARE under way has succeeded there is no last one: not the one before it. */
  forgetLast(): void {
    this.#last = undefined;
  }

  /** False when there is no such statement. */
  delete(id: number): boolean {
    return this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
    this.#last = undefined;
  }
}
