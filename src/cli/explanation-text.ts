// SPDX-License-Identifier: Apache-2.0
import type { Access } from '../policy/decide.ts';
import { type Explanation, placeText } from '../policy/explanation.ts';

/** An answer for a person, line by line: the verdict first, the next useful command last. */
export function* explanationLines(
  { decision, needs, remedies }: Explanation,
  { principal, target }: Access,
  text: string | undefined,
): Generator<string> {
  const would = decision.effect === 'allow' ? decision.wouldDeny : undefined;
  const denied = decision.effect === 'deny' ? decision : would;
  const verdict = decision.effect === 'deny' ? 'DENY' : would ? 'ALLOW (Observe)' : 'ALLOW';
  yield `${verdict}  ${principal.id} at ${target.id}: ${text ?? 'connect'}`;
  if (denied) yield `  ${would ? 'Enforce would deny: ' : ''}${denied.reason}: ${denied.detail}`;
  for (const { need, allowed, rules } of needs) {
    const by = allowed ? `  ${rules.map((rule) => rule.name).join(', ')}` : '';
    yield `  ${allowed ? 'yes' : 'no '}  ${need}${by}`;
  }
  const rules = denied ? denied.rules : decision.rules;
  if (rules.length > 0) yield denied ? 'Rules that come closest:' : 'Allowed by:';
  for (const rule of rules) yield `  ${rule.name}  ${placeText(rule)}`;
  if (decision.effect === 'allow') {
    const limits = Object.entries(decision.limits).map(([name, value]) => `${name} ${value}`);
    if (limits.length > 0) yield `Limits: ${limits.join(', ')}`;
  }
  if (remedies.length > 0) yield 'What would allow it:';
  for (const remedy of remedies) yield `  ${remedy}`;
  const [first] = needs.filter(({ allowed }) => !allowed).concat(needs);
  yield first
    ? `Next: postern who-can "${first.need}" --on ${target.name}`
    : `Next: postern explain --as ${principal.id} --to ${target.name} "select SCHEMA.TABLE"`;
}
