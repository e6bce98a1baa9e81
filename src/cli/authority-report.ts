// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { AuthorityDirectory, PairPaths } from '../ca/authority-directory.ts';
import { retiring, signing, verdictOn, waiting } from '../ca/authority-state.ts';

export interface AuthorityReport {
  readonly trustDomain: string;
  readonly generations: readonly {
    readonly root: number;
    readonly state: 'waiting' | 'signing' | 'retiring';
    readonly rootUntil: string;
    readonly rootKeyIsHere: boolean;
    readonly intermediate: number;
    readonly intermediateUntil: string;
  }[];
  /** RFC 3339; absent when the authority made none. */
  readonly serverUntil?: string;
  /** What needs somebody's attention. */
  readonly findings: readonly string[];
  readonly next: string;
}

/** Throws `authority-unusable`. Reads certificates only. */
export function authorityReport(directory: AuthorityDirectory, nowMs: number): AuthorityReport {
  const state = directory.state();
  const active = signing(state);
  const generations = state.generations.map((one) => ({
    root: one.root,
    state: one === active ? ('signing' as const) : stateOf(one.root, active.root),
    rootUntil: endOf(directory, directory.root(one.root)).toISOString(),
    rootKeyIsHere: existsSync(directory.root(one.root).key),
    intermediate: one.intermediate,
    intermediateUntil: endOf(directory, directory.intermediate(one.intermediate)).toISOString(),
  }));
  const hasServer = state.serverNames.length > 0;
  const inBundle = existsSync(directory.bundle) ? readFileSync(directory.bundle, 'utf8') : '';
  const bundleDiffers = inBundle !== directory.bundleOf(state.generations);
  const due = [
    ...(hasServer && isDue(directory, directory.server, nowMs) ? ['server certificate'] : []),
    ...(isDue(directory, directory.intermediate(active.intermediate), nowMs)
      ? ['intermediate']
      : []),
  ];
  const findings = [
    ...due.map((what) => `the ${what} is past half of its life: postern ca rotate`),
    ...(isDue(directory, directory.root(active.root), nowMs)
      ? ['the root is past half of its life: postern ca roll-root publish']
      : []),
    ...(bundleDiffers ? ['bundle.pem is not as it should be: repeat the last step'] : []),
  ];
  return {
    trustDomain: state.trustDomain,
    generations,
    ...(hasServer && { serverUntil: endOf(directory, directory.server).toISOString() }),
    findings,
    next: nextOf(directory, nowMs),
  };
}

function stateOf(root: number, active: number): 'waiting' | 'retiring' {
  return root > active ? 'waiting' : 'retiring';
}

function nextOf(directory: AuthorityDirectory, nowMs: number): string {
  const state = directory.state();
  const step = waiting(state) ? 'activate' : retiring(state) ? 'finish' : undefined;
  if (!step) return 'nothing';
  const verdict = verdictOn(step, state, nowMs);
  const from = verdict.is === 'early' ? ` from ${new Date(verdict.until).toISOString()} on` : '';
  return `postern ca roll-root ${step}${from}`;
}

function endOf(directory: AuthorityDirectory, paths: PairPaths): Date {
  return new Date(new X509Certificate(directory.readCertificate(paths)).validTo);
}

function isDue(directory: AuthorityDirectory, paths: PairPaths, nowMs: number): boolean {
  const { validFrom, validTo } = new X509Certificate(directory.readCertificate(paths));
  return nowMs >= (Date.parse(validFrom) + Date.parse(validTo)) / 2;
}

export function reportText(report: AuthorityReport): string {
  const { trustDomain, generations, serverUntil, findings, next } = report;
  const rows = generations.flatMap((one) => [
    `root ${one.root} (${one.state}) until ${one.rootUntil}, its key ${one.rootKeyIsHere ? 'is here' : 'is elsewhere'}`,
    `  intermediate ${one.intermediate} until ${one.intermediateUntil}`,
  ]);
  return [
    `Authority of ${trustDomain}`,
    ...rows,
    ...(serverUntil === undefined ? [] : [`server certificate until ${serverUntil}`]),
    ...findings.map((finding) => `! ${finding}`),
    `Next: ${next}`,
  ].join('\n');
}
