// SPDX-License-Identifier: Apache-2.0
import { valueAt } from '../compile/kube/field-path.ts';
import {
  type DesiredObject,
  INSTALLATION_ANNOTATION,
  isManaged,
  type KubeObject,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  objectKey,
  referenceOf,
  referenceText,
} from '../compile/kube/object.ts';
import { type ObjectPlan, type ObjectStep, planObjects } from '../compile/kube/plan.ts';
import { PosternError } from '../model/errors.ts';
import { inParallel } from '../model/in-parallel.ts';
import type { KubeClient, Selection } from './client.ts';

export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface ObservedInput {
  readonly installation: string;
  readonly desired: readonly DesiredObject[];
  /** Kinds that may hold something of ours although nothing desired is of them. */
  readonly kinds: readonly Kind[];
}

export interface ApplyRun {
  /** Take fields from other managers instead of stopping. */
  readonly forceConflicts?: boolean;
  onStep?(step: ObjectStep, done: number, of: number): void;
}

const DELETE_ATTEMPTS = 5;
/** Reads under way at one time. */
const PARALLEL = 8;

/** What is in the cluster under our label or under a desired name. Kinds not served hold nothing. */
export async function observeObjects(
  client: KubeClient,
  { desired, kinds }: ObservedInput,
): Promise<KubeObject[]> {
  const labelSelector = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;
  const wanted = new Map<string, Kind>();
  for (const { apiVersion, kind } of [...kinds, ...desired.map(({ object }) => object)]) {
    wanted.set(`${apiVersion} ${kind}`, { apiVersion, kind });
  }
  const lists = await inParallel([...wanted.values()], PARALLEL, async (kind) => {
    if (!(await client.serves(kind.apiVersion, kind.kind))) return [];
    const selection: Selection = { ...kind, labelSelector };
    return (await client.list(selection)).items;
  });
  const found = new Map(lists.flat().map((object) => [objectKey(referenceOf(object)), object]));
  const unseen = desired
    .map(({ object }) => referenceOf(object))
    .filter((reference) => !found.has(objectKey(reference)));
  // Refused here when the cluster does not serve it: nothing has been changed yet.
  const others = await inParallel(unseen, PARALLEL, (reference) => client.get(reference));
  for (const object of others) if (object) found.set(objectKey(referenceOf(object)), object);
  return [...found.values()];
}

export async function planForCluster(
  client: KubeClient,
  input: ObservedInput,
): Promise<ObjectPlan> {
  const observed = await observeObjects(client, input);
  return planObjects({ installation: input.installation, desired: input.desired, observed });
}

/**
 * Runs a plan in its order and stops at the first thing that does not go. Every step may be run
 * again, so a run that was cut off is finished by planning and applying anew.
 */
export async function applyPlan(
  client: KubeClient,
  installation: string,
  plan: ObjectPlan,
  run: ApplyRun = {},
): Promise<void> {
  const blocks = plan.obstacles.filter(({ severity }) => severity === 'blocks');
  if (blocks.length > 0) {
    const problem = blocks.map(({ problem, remedy }) => `${problem} (${remedy})`).join('; ');
    throw new PosternError('plan-blocked', { problem });
  }
  for (const [at, step] of plan.steps.entries()) {
    if (step.action === 'delete') await remove(client, installation, step);
    else await put(client, installation, step, run.forceConflicts ?? false);
    run.onStep?.(step, at + 1, plan.steps.length);
  }
}

async function put(
  client: KubeClient,
  installation: string,
  step: Exclude<ObjectStep, { action: 'delete' }>,
  force: boolean,
): Promise<void> {
  if (step.action === 'update') {
    await clearForeign(client, step, force);
    await client.apply(step.object, { force, uid: step.uid });
    return;
  }
  // An apply merges into what somebody created since the plan; the API has no "only if absent".
  const present = await client.get(step.reference);
  if (present && !isManaged(present, installation)) throw changedHands(client, step);
  await client.apply(step.object, { force });
}

/** Fields that others added where every field counts: an apply alone would leave them. */
async function clearForeign(
  client: KubeClient,
  step: Extract<ObjectStep, { action: 'update' }>,
  force: boolean,
): Promise<void> {
  const foreign = step.changes.filter(
    ({ desired, holders }) => desired === undefined && holders.length > 0,
  );
  if (foreign.length === 0) return;
  if (!force) {
    const held = foreign.map(({ field, holders }) => `${holders.join(' and ')} holds ${field}`);
    throw new PosternError('cluster-conflict', {
      server: client.server,
      action: `apply ${referenceText(step.reference)}`,
      problem: held.join(', '),
      hint: 'Take the field away from the other manager, or force the conflicts.',
    });
  }
  const present = await client.get(step.reference);
  if (present?.metadata.uid !== step.uid) throw changedHands(client, step);
  const still = foreign.filter(({ path }) => valueAt(present, path) !== undefined);
  await client.clearFields(
    present,
    still.map(({ path }) => path),
  );
}

/** The version is part of the precondition, so that what was taken over meanwhile is not deleted. */
async function remove(client: KubeClient, installation: string, step: ObjectStep): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const present = await client.get(step.reference);
    const { uid = '', resourceVersion = '' } = present?.metadata ?? {};
    if (!present || ('uid' in step && uid !== step.uid)) return;
    if (!isManaged(present, installation)) throw changedHands(client, step);
    try {
      await client.delete(step.reference, { uid, resourceVersion });
      return;
    } catch (thrown) {
      const raced = thrown instanceof PosternError && thrown.code === 'cluster-conflict';
      if (!raced || attempt >= DELETE_ATTEMPTS) throw thrown;
    }
  }
}

function changedHands(client: KubeClient, step: ObjectStep): PosternError {
  return new PosternError('cluster-conflict', {
    server: client.server,
    action: `${step.action} ${referenceText(step.reference)}`,
    problem: `since the plan it lost or never had ${MANAGED_BY_LABEL} and ${INSTALLATION_ANNOTATION}`,
    hint: 'Plan again.',
  });
}
