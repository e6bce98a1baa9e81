// SPDX-License-Identifier: Apache-2.0
import { type Answer, isUnknown, type Unknown, unknown } from './answer.ts';
import type { AuthorizationPolicy, AuthorizationRule } from './authorization-policy.ts';
import { envoyMatches } from './envoy-rule.ts';
import { allowed, denied, type Origin, undecided } from './finding.ts';
import type { MeshVerdict } from './mesh-verdict.ts';
import type { ResolvedCall } from './resolved-call.ts';
import { ztunnelMatches } from './ztunnel-rule.ts';

interface Found {
  readonly answer: Answer;
  readonly origin?: Origin;
}

/**
 * CUSTOM, then DENY, then ALLOW, over all policies that concern the pod together. Without any ALLOW
 * policy everybody may; with one, whom none lets in is out.
 */
export function authorize(
  policies: readonly AuthorizationPolicy[],
  at: 'envoy' | 'ztunnel',
  call: ResolvedCall,
): MeshVerdict {
  const counted = policies.filter(({ isDryRun, action }) => !isDryRun || action === 'CUSTOM');
  const of = (action: string) => counted.filter((policy) => policy.action === action);
  const matches = at === 'envoy' ? envoyMatches : ztunnelMatches;
  const first = (action: string) => firstMatch(of(action), matches, call);
  const deny = first('DENY');
  if (deny.answer === true) return denied('deny-rule', deny.origin);
  const allows = of('ALLOW');
  const allow = first('ALLOW');
  if (allows.length > 0 && allow.answer === false) {
    return denied('no-allow-rule', whole(allows[0]));
  }
  // ztunnel is not told of CUSTOM policies.
  const custom: Found = at === 'envoy' ? first('CUSTOM') : { answer: false };
  for (const { answer, origin } of [deny, allow]) {
    if (isUnknown(answer)) return undecided(answer, origin);
  }
  if (custom.answer !== false) return undecided(asked(custom.answer), custom.origin);
  return allows.length > 0 ? allowed('allow-rule', allow.origin) : allowed('no-allow-policy');
}

const asked = (answer: true | Unknown): Unknown =>
  answer === true ? unknown('external-authorizer', 'a CUSTOM policy') : answer;

/** The first rule that matches, else the first that may. */
function firstMatch(
  policies: readonly AuthorizationPolicy[],
  matches: (rule: AuthorizationRule, policy: AuthorizationPolicy, call: ResolvedCall) => Answer,
  call: ResolvedCall,
): Found {
  let perhaps: Found = { answer: false };
  for (const policy of policies) {
    const { strange, rules, from } = policy;
    if (strange !== undefined && perhaps.answer === false) {
      perhaps = { answer: unknown('field-unknown', strange), origin: { from, path: 'spec' } };
    }
    for (const rule of strange === undefined ? rules : []) {
      const answer = matches(rule, policy, call);
      const origin = { from, path: rule.path };
      if (answer === true) return { answer, origin };
      if (answer !== false && perhaps.answer === false) perhaps = { answer, origin };
    }
  }
  return perhaps;
}

function whole(policy: AuthorizationPolicy | undefined): Origin | undefined {
  return policy && { from: policy.from, path: 'spec' };
}
