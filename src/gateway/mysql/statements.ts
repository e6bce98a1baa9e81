// SPDX-License-Identifier: Apache-2.0
import type { HashKeys } from '../../audit/hash-key.ts';
import { mayBeQuoted, statementText } from '../../audit/statement-text.ts';
import { boundedTags, traceparentFrom } from '../../audit/trace-context.ts';
import type { DenialReason } from '../../model/decision.ts';
import { objectText } from '../../model/request.ts';
import type { Analysis } from '../../policy/analyse/analysis.ts';
import { analyseMysql } from '../../policy/analyse/mysql/analyse.ts';
import type { Target } from '../../policy/policy.ts';
import type { Account, Question } from '../request.ts';
import type { Reading } from './session-state.ts';

/** By reading and then by text: one key of both would have to be put together for each request. */
class Generation {
  size = 0;
  readonly #byReading = new Map<string, Map<string, KnownStatement>>();

  get(reading: Reading, text: string): KnownStatement | undefined {
    return this.#byReading.get(reading.key)?.get(text);
  }

  add(reading: Reading, text: string, known: KnownStatement): void {
    let texts = this.#byReading.get(reading.key);
    if (!texts) {
      texts = new Map();
      this.#byReading.set(reading.key, texts);
    }
    texts.set(text, known);
    this.size += 1;
  }
}

/** One statement text under one lexer mode and default schema: question and account, made once. */
export interface KnownStatement {
  readonly analysis: Analysis;
  readonly question: Question;
  readonly account: Account;
}

/** Texts longer than this are analysed each time: keeping them would cost more than it saves. */
const LONGEST_KEPT_BYTES = 16_384;

/**
 * Analyses of statements by exact bytes, lexer mode and default schema, shared by
 * the sessions of one target. Bounded; the least recently used half is forgotten when it is full.
 */
export class StatementCache {
  #target: Target;
  readonly #capacity: number;
  readonly #keys: HashKeys;
  #young = new Generation();
  #old = new Generation();

  constructor(target: Target, capacity: number, keys: HashKeys) {
    this.#target = target;
    this.#capacity = capacity;
    this.#keys = keys;
  }

  /** The Target as it is declared now; what was kept under another setting of its audit is not. */
  follow(target: Target): void {
    if (JSON.stringify(target.audit) !== JSON.stringify(this.#target.audit)) {
      this.#young = new Generation();
      this.#old = new Generation();
    }
    this.#target = target;
  }

  /** `text` is the statement's bytes, which are only read during the call. */
  get(text: Buffer, reading: Reading): KnownStatement {
    if (text.length > LONGEST_KEPT_BYTES) return this.#analyse(text, reading);
    const key = text.toString('latin1');
    const young = this.#young.get(reading, key);
    if (young) return young;
    const known = this.#old.get(reading, key) ?? this.#analyse(text, reading);
    if (this.#young.size >= this.#capacity / 2) {
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.add(reading, key, known);
    return known;
  }

  /** What the audit says of a command that says the same as a statement; `shape` as normalised. */
  spoken(statement: string, shape = statement): Account {
    const facts = { features: { mayHoldCredentials: false }, normalised: shape };
    const mode = this.#target.audit.statements;
    return { needs: [], ...statementText(Buffer.from(statement), facts, mode, this.#keys) };
  }

  /** The same account with the parameters, which are only read during the call. */
  withParameters(account: Account, parameters: Buffer): Account {
    if (this.#target.audit.parameters === 'None') return account;
    return { ...account, parametersHash: this.#keys.hash(parameters) };
  }

  #analyse(text: Buffer, { mode, schema }: Reading): KnownStatement {
    const { system, audit } = this.#target;
    const caseInsensitiveNames = 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
    const analysis = analyseMysql(text, mode, schema, {
      caseInsensitiveNames,
      dialect: system.type === 'mysql' ? 'mysql' : 'mariadb',
    });
    const found = analysis.ok ? boundedTags(analysis.commentTags) : {};
    const traceparent = traceparentFrom(found);
    const tags = audit.statements === 'None' ? {} : found;
    return {
      analysis,
      question: questionOf(analysis, mayBeQuoted(analysis, audit.statements)),
      account: {
        ...statementText(text, analysis, audit.statements, this.#keys),
        needs: analysis.ok
          ? analysis.needs.map((need) => `${need.action} ${objectText(need.object)}`)
          : [],
        ...(Object.keys(tags).length > 0 && { tags }),
        ...(traceparent !== undefined && { traceparent }),
      },
    };
  }
}

const REASONS: Readonly<Record<(Analysis & { ok: false })['problem'], DenialReason>> = {
  unparsed: 'statement-unparsed',
  kind: 'statement-kind',
  charset: 'statement-charset',
};

function questionOf(analysis: Analysis, quoted: boolean): Question {
  const { kind, features } = analysis;
  if (analysis.ok) return { kind, features, needs: analysis.needs };
  const { problem, detail, plainDetail } = analysis;
  const refusal = {
    reason: REASONS[problem],
    detail,
    ...(!quoted && { recorded: plainDetail }),
  };
  return { kind, features, needs: [], refusal };
}
