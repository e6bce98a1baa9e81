// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';
import { ACTIONS, type DataObject, type Need } from '../model/request.ts';
import type { Analysis, LexerMode } from '../policy/analyse/analysis.ts';
import { analyseMysql } from '../policy/analyse/mysql/analyse.ts';
import type { RequestQuestion } from '../policy/decide.ts';
import { nearest } from '../policy/nearest.ts';
import type { Target } from '../policy/policy.ts';
import { needQuestion } from '../policy/question.ts';

/** What was asked: to connect, one right, or a statement with its analysis. */
export type Asked =
  | { readonly type: 'connect' }
  | { readonly type: 'right'; readonly need: Need; readonly question: RequestQuestion }
  | { readonly type: 'statement'; readonly question: RequestQuestion }
  | { readonly type: 'refused'; readonly analysis: Extract<Analysis, { ok: false }> };

/** As a stock driver sets up its session. */
const USUAL_MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

/**
 * `select shop.orders` is an action and an object; anything longer is SQL, analysed as the gateway
 * does with `schema` as default schema. Throws `usage` for SQL on a target that speaks none.
 */
export function readAsked(
  text: string | undefined,
  target: Target,
  schema: string | undefined,
): Asked {
  if (text === undefined || text.trim() === '') return { type: 'connect' };
  const need = parseNeed(text);
  if (need) return { type: 'right', need, question: needQuestion(need) };
  const { system } = target;
  if (system.type !== 'mariadb' && system.type !== 'mysql') {
    const problem = `SQL cannot be asked of ${target.id}; ask ACTION OBJECT instead.`;
    throw new PosternError('usage', { problem });
  }
  const analysis = analyseMysql(Buffer.from(text), USUAL_MODE, schema, {
    caseInsensitiveNames: system.caseInsensitiveNames,
    dialect: system.type,
  });
  if (!analysis.ok) return { type: 'refused', analysis };
  const { kind, needs, features } = analysis;
  return { type: 'statement', question: { kind, needs, features } };
}

/** `ACTION OBJECT`, or undefined when the text has another form. */
export function parseNeed(text: string): Need | undefined {
  const [action, objectText = '', ...rest] = text.trim().split(/\s+/);
  const [schema = '', name = '', ...more] = objectText.split('.');
  const known = ACTIONS.find((one) => one === action);
  if (!known || schema === '' || name === '' || rest.length + more.length > 0) return undefined;
  return { action: known, object: objectOf(schema, name, known === 'execute') };
}

/** Like `parseNeed`. Throws `usage` when it is not of that form. */
export function needNamed(text: string): Need {
  const need = parseNeed(text);
  if (need) return need;
  const word = text.trim().split(/\s+/)[0] ?? '';
  const meant = nearest(word, ACTIONS);
  const hint = meant && meant !== word ? ` Did you mean ${meant}?` : '';
  throw new PosternError('usage', {
    problem: `"${text}" is not an action and an object, such as "select shop.orders".${hint}`,
  });
}

function objectOf(schema: string, name: string, execute: boolean): DataObject {
  if (name === '*') return { type: 'schema', schema };
  const routine = execute || name.endsWith('()');
  return { type: routine ? 'routine' : 'table', schema, name: name.replace(/\(\)$/, '') };
}
