// SPDX-License-Identifier: Apache-2.0
import type { DriftSurvey } from '../app/look-for-drift.ts';
import type { PosternError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { hintLines } from './administrator-options.ts';
import { printable } from './audit-text.ts';
import type { ExitCode } from './command.ts';
import { findingLines } from './finding-text.ts';

/** One layer of a survey, whichever it is. */
export interface LookedAt {
  readonly where: string;
  readonly findings?: readonly Finding[];
  readonly problem?: PosternError;
}

export function lookedAt({ clusters, databases }: DriftSurvey): readonly LookedAt[] {
  return [
    ...clusters.map((one) => ({ where: one.of.cluster.name, ...outcome(one) })),
    ...databases.map((one) => ({ where: one.of.id, ...outcome(one) })),
  ];
}

function outcome(one: DriftSurvey['databases'][number] | DriftSurvey['clusters'][number]) {
  return 'found' in one ? { findings: one.found } : { problem: one.problem };
}

export function allFindings(survey: DriftSurvey): readonly Finding[] {
  return lookedAt(survey).flatMap(({ findings = [] }) => findings);
}

export function driftLines(survey: DriftSurvey): readonly string[] {
  const lines = lookedAt(survey).flatMap(({ where, findings = [], problem }) => {
    if (problem) return problemLines(where, problem);
    if (findings.length === 0) return [`${where}: as declared.`];
    return [`${where}: ${findings.length} not as declared.`, ...findings.flatMap(findingLines)];
  });
  return [...lines, ...nextLines(allFindings(survey))].map(printable);
}

export function problemLines(where: string, problem: PosternError): readonly string[] {
  const hint = hintLines(problem).map((line) => `  ${line}`);
  return [`${where}: it cannot be looked at: ${problem.message}`, ...hint];
}

function nextLines(findings: readonly Finding[]): readonly string[] {
  const drifted = findings.filter(({ cause }) => cause === 'drift');
  const next: string[] = [];
  if (drifted.some(({ by }) => by === 'apply')) next.push('postern drift --heal');
  if (drifted.some(({ adoption }) => 'edits' in adoption)) next.push('postern drift --adopt');
  if (findings.length > drifted.length) next.push('postern plan');
  return next.length === 0 ? [] : [`Next: ${next.join(', or ')}`];
}

export function driftJson(survey: DriftSurvey): string {
  const layers = lookedAt(survey).map(({ where, findings, problem }) => ({
    where,
    ...(findings && { findings }),
    ...(problem && { problem: { code: problem.code, message: problem.message } }),
  }));
  return JSON.stringify({ layers }, null, 2);
}

export function driftExitCode(survey: DriftSurvey): ExitCode {
  if (lookedAt(survey).some(({ problem }) => problem)) return 3;
  return allFindings(survey).length === 0 ? 0 : 1;
}
