// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { observedRole } from '../../policy/observe.ts';
import type { DataRole, Policy, Target } from '../../policy/policy.ts';
import { sqlDialect } from './dialect.ts';
import type { DesiredRole, DesiredSql, DesiredView, SqlFinding, SqlPlanStep } from './plan-step.ts';
import { type Emitted, emitPrivilege } from './privilege.ts';
import { baseRoleName, ROLE_ADMIN } from './role-name.ts';
import { emitView } from './view.ts';

/**
 * Everything the target must hold before leases can be lent under this policy: definer views and
 * their locked owners, then one role per DataRole content with its grants. Pure, deterministic,
 * and safe to run again. Roles that no Grant on the target names are left out.
 */
export function desiredSql(policy: Policy, target: Target): DesiredSql {
  const roles = rolesOf(policy, target);
  const dialect = sqlDialect(target.system);
  const views = new ViewCollector();
  const steps: SqlPlanStep[] = [];
  const findings: SqlFinding[] = [];
  const desired: DesiredRole[] = [];
  for (const role of roles) {
    const name = baseRoleName(role, dialect.nameLimit);
    desired.push({ name, dataRole: role.id, rule: role.rule });
    for (const sql of dialect.createRole(name, ROLE_ADMIN)) {
      steps.push({ kind: 'role', part: name, sql, rule: role.rule });
    }
    for (const privilege of role.privileges) {
      const emitted = emitPrivilege(name, privilege, dialect);
      if (privilege.as && !views.add(emitView(privilege, dialect), privilege.rule)) continue;
      steps.push(...emitted.steps);
      findings.push(...emitted.findings);
    }
  }
  return {
    roles: desired,
    views: views.views,
    steps: [...views.steps, ...steps],
    findings: [...views.findings, ...findings],
  };
}

/** DataRoles that some Grant gives on the target, by id. */
export function rolesOf(policy: Policy, target: Target): readonly DataRole[] {
  const ids = new Set<string>();
  for (const grant of policy.grants) {
    const id = grant.targets.has(target.id) ? grant.roles.get(target.id) : undefined;
    if (id !== undefined) ids.add(id);
  }
  const observed = observedRole(policy, target);
  if (observed) ids.add(observed.id);
  return [...ids]
    .sort()
    .map((id) => policy.roles.get(id))
    .filter((role) => role !== undefined);
}

/** Each view once, however many roles offer it; two contents under one name are refused. */
class ViewCollector {
  readonly views: DesiredView[] = [];
  readonly steps: SqlPlanStep[] = [];
  readonly findings: SqlFinding[] = [];
  readonly #byName = new Map<string, { definer: string; rule: RuleReference }>();

  /** False: nothing may be granted on it. */
  add(emitted: Emitted & { readonly view?: DesiredView }, rule: RuleReference): boolean {
    const { view } = emitted;
    if (!view) {
      this.findings.push(...emitted.findings);
      return false;
    }
    const name = `${view.schema}.${view.name}`;
    const known = this.#byName.get(name);
    if (known && known.definer !== view.definer) {
      const { position } = known.rule;
      this.findings.push({
        severity: 'refused',
        rule,
        message: `The view ${name} is declared with other content at ${position.file}:${position.line}.`,
        remedy: 'Give one of the two another name.',
      });
      return false;
    }
    if (known) return true;
    this.#byName.set(name, { definer: view.definer, rule });
    this.views.push(view);
    this.steps.push(...emitted.steps);
    this.findings.push(...emitted.findings);
    return true;
  }
}
