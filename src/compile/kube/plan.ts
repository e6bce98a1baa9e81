// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { differences, type FieldDifference } from './difference.ts';
import {
  type DesiredObject,
  INSTALLATION_ANNOTATION,
  isManaged,
  type KubeObject,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  managedObject,
  type ObjectReference,
  objectKey,
  referenceOf,
  referenceText,
} from './object.ts';

interface StepCommon {
  readonly reference: ObjectReference;
  /** Where it is declared; empty for a removal: what declared it is gone. */
  readonly rules: readonly RuleReference[];
}

export type ObjectStep =
  | (StepCommon & { readonly action: 'create'; readonly object: KubeObject })
  | (StepCommon & {
      readonly action: 'update';
      readonly object: KubeObject;
      /** Of the object that was looked at: one that took its name since is left alone. */
      readonly uid: string;
      readonly changes: readonly FieldDifference[];
    })
  | (StepCommon & { readonly action: 'delete'; readonly uid: string });

/** What a plan leaves undone on purpose, and what somebody can do about it. */
export interface Obstacle extends StepCommon {
  readonly severity: 'blocks' | 'remains';
  readonly problem: string;
  readonly remedy: string;
}

export interface ObjectPlan {
  /** In an order in which access that is still declared is never without its rules. */
  readonly steps: readonly ObjectStep[];
  readonly obstacles: readonly Obstacle[];
}

export interface PlanInput {
  readonly installation: string;
  readonly desired: readonly DesiredObject[];
  /** Every object with our label, and whatever stands under a desired name. */
  readonly observed: readonly KubeObject[];
}

/** Removing one of these takes things along that are not ours. */
const NEVER_REMOVED = new Set(['Namespace', 'CustomResourceDefinition', 'PersistentVolumeClaim']);

/**
 * What must exist before what. Identities come before what speaks of them, denials before what
 * opens, workloads last; removals run the other way round, after everything else.
 */
const ORDER = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'PersistentVolumeClaim',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'NetworkPolicy',
  'Service',
  'ServiceEntry',
  'DestinationRule',
  'VirtualService',
];

/** Compares what is declared with what is there. Nothing to do gives no steps. */
export function planObjects({ installation, desired, observed }: PlanInput): ObjectPlan {
  const present = new Map(observed.map((object) => [objectKey(referenceOf(object)), object]));
  const steps: ObjectStep[] = [];
  const obstacles: Obstacle[] = [];
  const declared = new Set<string>();
  for (const each of desired) {
    const key = objectKey(referenceOf(each.object));
    declared.add(key);
    const step = towards(each, present.get(key), installation);
    if (!step) continue;
    if ('action' in step) steps.push(step);
    else obstacles.push(step);
  }
  for (const object of observed) {
    const reference = referenceOf(object);
    if (declared.has(objectKey(reference)) || !isManaged(object, installation)) continue;
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const { uid = '' } = object.metadata;
    if (NEVER_REMOVED.has(object.kind)) obstacles.push(remaining(reference));
    else steps.push({ action: 'delete', reference, rules: [], uid });
  }
  return { steps: steps.sort(inOrder), obstacles };
}

function towards(
  desired: DesiredObject,
  observed: KubeObject | undefined,
  installation: string,
): ObjectStep | Obstacle | undefined {
  const object = managedObject(desired, installation);
  const common = { reference: referenceOf(object), rules: desired.rules };
  if (!observed) return { action: 'create', ...common, object };
  if (!isManaged(observed, installation)) return notOurs(common, observed);
  const changes = differences(object, observed);
  if (changes.length === 0) return undefined;
  return { action: 'update', ...common, object, uid: observed.metadata.uid ?? '', changes };
}

function notOurs(common: StepCommon, observed: KubeObject): Obstacle {
  const other = observed.metadata.annotations?.[INSTALLATION_ANNOTATION];
  const what = referenceText(common.reference);
  const managed = observed.metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
  return {
    ...common,
    severity: 'blocks',
    problem:
      managed && other !== undefined
        ? `${what} belongs to the installation ${other}`
        : `${what} exists and is not managed by Postern`,
    remedy:
      `remove it or rename what is declared; to hand it over, give it the label ` +
      `${MANAGED_BY_LABEL}=${MANAGED_BY} and the annotation ${INSTALLATION_ANNOTATION}`,
  };
}

function remaining(reference: ObjectReference): Obstacle {
  return {
    reference,
    rules: [],
    severity: 'remains',
    problem: `${referenceText(reference)} is no longer declared`,
    remedy:
      'removing it would take along what others keep in it: remove it yourself if it is empty',
  };
}

function inOrder(one: ObjectStep, other: ObjectStep): number {
  const removal = Number(one.action === 'delete') - Number(other.action === 'delete');
  if (removal !== 0) return removal;
  const rank = one.action === 'delete' ? rankOf(other) - rankOf(one) : rankOf(one) - rankOf(other);
  if (rank !== 0) return rank;
  const [first, second] = [objectKey(one.reference), objectKey(other.reference)];
  return first < second ? -1 : Number(first > second);
}

function rankOf(step: ObjectStep): number {
  const rank = ORDER.indexOf(step.reference.kind);
  const base = rank < 0 ? ORDER.length : rank;
  if (step.reference.kind !== 'AuthorizationPolicy' || step.action === 'delete') return base;
  const spec = step.object['spec'] as { readonly action?: string } | undefined;
  return spec?.action === 'DENY' ? base - 0.5 : base;
}
