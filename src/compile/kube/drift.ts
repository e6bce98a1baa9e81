// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { admitsNoMore } from './admitted-principals.ts';
import { differences, type FieldDifference, fieldsTaken } from './difference.ts';
import {
  type DesiredObject,
  FIELD_MANAGER,
  isJsonObject,
  isManaged,
  type JsonObject,
  type KubeObject,
  managedObject,
  type ObjectReference,
  objectKey,
  referenceOf,
  referenceText,
} from './object.ts';
import type { PlanInput } from './plan.ts';

export type DriftKind =
  | 'deleted'
  | 'edited'
  | 'field-taken'
  | 'undeclared'
  | 'unmarked'
  | 'foreign-opens';

export interface DriftFinding {
  readonly kind: DriftKind;
  readonly reference: ObjectReference;
  /** The declaration that no longer holds; empty when nothing declares the object. */
  readonly rules: readonly RuleReference[];
  readonly changes: readonly FieldDifference[];
  readonly message: string;
  /** Field managers besides ours that hold what differs, or made the object. */
  readonly managers: readonly string[];
  /** As it is to be, with our marks. */
  readonly desired?: KubeObject;
  readonly observed?: KubeObject;
}

export interface DriftInput extends PlanInput {
  /** AuthorizationPolicies, PeerAuthentications and NetworkPolicies of everybody. */
  readonly neighbours: readonly KubeObject[];
  /** Where policies without a selector are for the whole mesh. */
  readonly meshRootNamespace?: string;
}

/** What differs from the declaration, and what others put beside it that opens more. */
export function findDrift(input: DriftInput): DriftFinding[] {
  const { installation, desired, observed } = input;
  const present = new Map(observed.map((object) => [objectKey(referenceOf(object)), object]));
  const declared = new Set(desired.map(({ object }) => objectKey(referenceOf(object))));
  const findings = desired.flatMap((each) =>
    driftOf(each, present.get(objectKey(referenceOf(each.object))), installation),
  );
  for (const object of observed) {
    const reference = referenceOf(object);
    if (declared.has(objectKey(reference)) || !isManaged(object, installation)) continue;
    const message = `${referenceText(reference)} is managed but not declared`;
    const managers = managersOf(object);
    findings.push({
      kind: 'undeclared',
      reference,
      rules: [],
      changes: [],
      message,
      managers,
      observed: object,
    });
  }
  for (const object of input.neighbours) {
    if (declared.has(objectKey(referenceOf(object))) || isManaged(object, installation)) continue;
    const finding = opening(object, desired, input.meshRootNamespace);
    if (finding) findings.push(finding);
  }
  return findings;
}

function driftOf(
  desired: DesiredObject,
  observed: KubeObject | undefined,
  installation: string,
): DriftFinding[] {
  const object = managedObject(desired, installation);
  const reference = referenceOf(object);
  const what = referenceText(reference);
  const finding = (
    kind: DriftKind,
    message: string,
    changes: readonly FieldDifference[] = [],
  ): DriftFinding => ({
    kind,
    reference,
    rules: desired.rules,
    changes,
    message,
    managers: [...new Set(changes.flatMap(({ holders }) => holders))],
    desired: object,
    ...(observed && { observed }),
  });
  if (!observed) return [finding('deleted', `${what} is gone`)];
  const findings: DriftFinding[] = [];
  if (!isManaged(observed, installation)) {
    findings.push(finding('unmarked', `${what} does not have the marks of this installation`));
  }
  const changes = differences(object, observed).filter(({ path }) => !isMark(path));
  if (changes.length > 0) {
    const parts = changes.map(({ field, holders }) => field + by(holders));
    findings.push(finding('edited', `${what} differs in ${parts.join(', ')}`, changes));
  }
  const taken = fieldsTaken(object, observed).filter(({ path }) => !isMark(path));
  if (taken.length > 0) {
    const parts = taken.map(({ field, holders }) => field + by(holders));
    findings.push(finding('field-taken', `${what}: others hold ${parts.join(', ')}`, taken));
  }
  return findings;
}

/** Marks that are gone are one finding and not three. */
function isMark(path: readonly string[]): boolean {
  return /^f:(app\.kubernetes\.io\/managed-by|postern\.dev\/installation)$/.test(path.at(-1) ?? '');
}

function by(holders: readonly string[]): string {
  return holders.length === 0 ? '' : ` (${holders.join(', ')})`;
}

function managersOf({ metadata }: KubeObject): readonly string[] {
  const names = (metadata.managedFields ?? []).map(({ manager = 'unknown' }) => manager);
  return [...new Set(names)].filter((name) => name !== FIELD_MANAGER);
}

/** Policies of the same kind add up: what one allows, no other takes back. */
function opening(
  object: KubeObject,
  desired: readonly DesiredObject[],
  meshRoot: string | undefined,
): DriftFinding | undefined {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const how = opens(object.kind, spec);
  if (!how) return undefined;
  const concerned = desired
    .filter((each) => each.object.kind === object.kind)
    .filter((each) => concernsSame(object, spec, each.object, meshRoot))
    // What ours let in anyway, it does not open.
    .filter(({ object: ours }) => !coveredBy(object.kind, spec, ours));
  if (concerned.length === 0) return undefined;
  const reference = referenceOf(object);
  const beside = concerned.map((each) => referenceText(referenceOf(each.object))).join(', ');
  return {
    kind: 'foreign-opens',
    reference,
    rules: concerned.flatMap(({ rules }) => rules),
    changes: [],
    message: `${referenceText(reference)} is not ours and ${how} beside ${beside}`,
    managers: managersOf(object),
    observed: object,
  };
}

function coveredBy(kind: string, spec: JsonObject, ours: KubeObject): boolean {
  const own = ours['spec'];
  if (kind !== 'AuthorizationPolicy' || !isJsonObject(own)) return false;
  // Denials say nothing about whom else to let in: they hold beside it.
  if (own['action'] === 'DENY') return true;
  return admitsNoMore(spec, own);
}

function opens(kind: string, spec: JsonObject): string | undefined {
  if (kind === 'AuthorizationPolicy') {
    const { action = 'ALLOW', rules } = spec;
    // Without rules it allows nobody, and CUSTOM and DENY only take away.
    const some = Array.isArray(rules) && rules.length > 0;
    return action === 'ALLOW' && some ? 'allows access' : undefined;
  }
  if (kind === 'NetworkPolicy') {
    const admits = ['ingress', 'egress'].some((way) => {
      const rules = spec[way];
      return Array.isArray(rules) && rules.length > 0;
    });
    return admits ? 'admits traffic' : undefined;
  }
  if (kind === 'PeerAuthentication') {
    const ports = isJsonObject(spec['portLevelMtls']) ? Object.values(spec['portLevelMtls']) : [];
    const lax = [spec['mtls'], ...ports].some(
      (mtls) => isJsonObject(mtls) && ['PERMISSIVE', 'DISABLE'].includes(String(mtls['mode'])),
    );
    return lax ? 'lets plaintext in' : undefined;
  }
  return undefined;
}

function concernsSame(
  object: KubeObject,
  spec: JsonObject,
  ours: KubeObject,
  meshRoot: string | undefined,
): boolean {
  const { namespace } = object.metadata;
  const own = isJsonObject(ours['spec']) ? ours['spec'] : {};
  const everywhere = meshRoot !== undefined && namespace === meshRoot;
  if (namespace !== ours.metadata.namespace && !everywhere) return false;
  const [theirRefs, ourRefs] = [spec['targetRefs'], own['targetRefs']].map(targets);
  // A waypoint's policies and those of its pods are enforced at different places.
  if (theirRefs && ourRefs) return theirRefs.some((target) => ourRefs.includes(target));
  if (theirRefs || ourRefs) return false;
  return mayOverlap(labelsOf(spec), labelsOf(own));
}

function targets(refs: unknown): string[] | undefined {
  if (!Array.isArray(refs) || refs.length === 0) return undefined;
  return refs.filter(isJsonObject).map(({ kind, name }) => `${String(kind)}/${String(name)}`);
}

/** Only labels that must be equal; expressions are taken to match anything. */
function labelsOf(spec: JsonObject): JsonObject {
  const selector = spec['selector'] ?? spec['podSelector'];
  const labels = isJsonObject(selector) ? selector['matchLabels'] : undefined;
  return isJsonObject(labels) ? labels : {};
}

/** Whether there can be a pod that both select. */
function mayOverlap(one: JsonObject, other: JsonObject): boolean {
  return Object.entries(one).every(([name, value]) => !(name in other) || other[name] === value);
}
