// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffPolicies } from '../../src/policy/compare.ts';
import type { Diagnostic } from '../../src/policy/diagnostic.ts';
import { lintRules } from '../../src/policy/lint-rules.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { asEnforced } from '../../src/policy/question.ts';
import { Random } from '../support/random.ts';
import { randomPolicy } from '../support/random-policy.ts';

const POLICIES = 30;
const NOW = Date.UTC(2026, 2, 28, 18);

/** Some of these rules are there twice, under another name: that must be noticed. */
function withCopies(random: Random, policy: Policy): Policy {
  const copies = policy.grants
    .filter(() => random.chance(0.2))
    .map((one) => ({
      ...one,
      rule: { name: `${one.rule.name}-copy`, position: { ...one.rule.position, line: 10_000 } },
    }));
  return { ...policy, grants: [...policy.grants, ...copies] };
}

function without(policy: Policy, findings: readonly Diagnostic[]): Policy {
  const places = new Set(
    findings.filter(({ code }) => code !== 'rules-undecided').map(({ line }) => line),
  );
  const kept = <Rule extends Policy['grants'][number] | Policy['denies'][number]>(
    rules: readonly Rule[],
  ) => rules.filter(({ rule }) => !places.has(rule.position.line));
  return { ...policy, grants: kept(policy.grants), denies: kept(policy.denies) };
}

describe('lint-rules against differences', () => {
  it('reports only rules that can all be removed without any difference', () => {
    const codes = new Map<string, number>();
    for (let seed = 1; seed <= POLICIES; seed++) {
      const random = new Random(seed);
      const policy = withCopies(random, asEnforced(randomPolicy(random)));
      const findings = lintRules(policy, { nowMs: NOW });
      for (const { code } of findings) codes.set(code, (codes.get(code) ?? 0) + 1);
      const diff = diffPolicies(policy, without(policy, findings), { nowMs: NOW });
      assert.deepEqual(diff.changes, [], `seed ${seed}: ${JSON.stringify(findings)}`);
    }
    for (const code of ['rule-dead', 'rule-shadowed', 'grant-denied']) {
      assert.ok((codes.get(code) ?? 0) >= 3, `${code}: ${codes.get(code)}`);
    }
  });

  it('reports every copy of a grant that does something', () => {
    for (let seed = 1; seed <= POLICIES; seed++) {
      const random = new Random(seed);
      const policy = withCopies(random, asEnforced(randomPolicy(random)));
      const findings = lintRules(policy, { nowMs: NOW });
      if (findings.some(({ code }) => code === 'rules-undecided')) continue;
      const copies = policy.grants.filter(({ rule }) => rule.position.line === 10_000);
      const expired = copies.filter(({ expires }) => expires !== undefined && expires <= NOW);
      const reported = findings.filter(({ line }) => line === 10_000);
      assert.equal(reported.length, copies.length - expired.length, `seed ${seed}`);
    }
  });
});
