// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject, type JsonValue } from './object.ts';

/** Principals that the rules of an AuthorizationPolicy name as callers. */
export function principalsOf(spec: unknown): readonly string[] {
  const rules = isJsonObject(spec) ? spec['rules'] : undefined;
  const named = listOf(rules).flatMap((rule) => sourcesOf(rule).flatMap(principalsOfSource));
  return [...new Set(named)];
}

/**
 * Whether an allowing policy lets in nobody whom ours do not let in anyway: every one of its sources
 * names principals of ours, and ours restrict them by nothing but a port that only they may reach.
 */
export function admitsNoMore(theirs: JsonObject, ours: JsonObject): boolean {
  const rules = listOf(theirs['rules']);
  const admitted = freelyAdmitted(ours);
  return rules.every((rule) => {
    const sources = sourcesOf(rule);
    return (
      sources.length > 0 &&
      sources.every((source) => {
        const principals = principalsOfSource(source);
        return principals.length > 0 && principals.every((one) => admitted.has(one));
      })
    );
  });
}

/** Those whom some rule lets in everywhere, or at ports beside which everybody is let in. */
function freelyAdmitted(spec: JsonObject): ReadonlySet<string> {
  const rules = listOf(spec['rules']);
  const open = rules
    .filter((rule) => !('from' in rule) && !('when' in rule))
    .flatMap((rule) => operationsOf(rule))
    .filter((operation) => Object.keys(operation).join() === 'notPorts')
    .map((operation) => JSON.stringify(operation['notPorts']));
  const free = rules.filter((rule) => {
    if ('when' in rule) return false;
    return operationsOf(rule).every(
      (operation) =>
        Object.keys(operation).join() === 'ports' &&
        open.includes(JSON.stringify(operation['ports'])),
    );
  });
  const sources = free.flatMap(sourcesOf);
  return new Set(
    sources
      .filter((source) => Object.keys(source).join() === 'principals')
      .flatMap(principalsOfSource),
  );
}

function sourcesOf(rule: JsonObject): readonly JsonObject[] {
  return listOf(rule['from']).flatMap(({ source }) => (isJsonObject(source) ? [source] : []));
}

function operationsOf(rule: JsonObject): readonly JsonObject[] {
  return listOf(rule['to']).flatMap(({ operation }) =>
    isJsonObject(operation) ? [operation] : [],
  );
}

function principalsOfSource({ principals }: JsonObject): readonly string[] {
  return Array.isArray(principals) ? principals.filter((one) => typeof one === 'string') : [];
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
