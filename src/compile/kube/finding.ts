// SPDX-License-Identifier: Apache-2.0
import type { Adoption, DeclarationEdit, Finding, RepairBy } from '../../model/finding.ts';
import { principalsOf } from './admitted-principals.ts';
import type { DriftFinding } from './drift.ts';
import { mergePatch } from './merge-patch.ts';
import {
  INSTALLATION_ANNOTATION,
  type KubeObject,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  type ObjectReference,
  referenceText,
} from './object.ts';

/** Which Target's database a mesh object is about: its pods have operators of their own. */
export interface DeclaredPods {
  /** `Target/namespace/name`. */
  readonly document: string;
  readonly trustDomains: readonly string[];
}

export interface FindingContext {
  /** Name of the Cluster. */
  readonly cluster: string;
  readonly installation: string;
  /** The Target whose `mariadb.pods` an object stands for; undefined for other objects. */
  podsOf(found: DriftFinding): DeclaredPods | undefined;
}

/** What `kubectl` would do, for people; `--heal` does the same by itself. */
export function meshFinding(found: DriftFinding, context: FindingContext): Finding {
  const { kind, reference, rules, message, managers } = found;
  const subject = referenceText(reference);
  const isAhead = kind === 'edited' && found.changes.every(({ ours }) => ours);
  const text = isAhead ? `${message}; it was applied so from an earlier declaration` : message;
  return {
    layer: 'mesh',
    where: context.cluster,
    code: `object-${kind}`,
    subject,
    text: `${text.startsWith(`${subject} `) ? text.slice(subject.length + 1) : text}.`,
    who: managers,
    rules,
    cause: isAhead ? 'declaration' : 'drift',
    by: repairBy(found),
    remedy: remedyOf(found, context.installation),
    adoption: isAhead
      ? { impossible: 'it is declared already, and not applied yet' }
      : adoptionOf(found, context),
  };
}

function repairBy({ kind }: DriftFinding): RepairBy {
  return kind === 'unmarked' || kind === 'foreign-opens' ? 'operator' : 'apply';
}

function remedyOf(found: DriftFinding, installation: string): readonly string[] {
  const { kind, reference, desired, changes } = found;
  const object = kubectlName(reference);
  switch (kind) {
    case 'deleted':
      return [applyCommand(desired)];
    case 'edited':
      return desired
        ? [`kubectl patch ${object} --type merge -p ${shell(mergePatch(desired, changes))}`]
        : [];
    case 'field-taken':
      return [applyCommand(desired)];
    case 'undeclared':
    case 'foreign-opens':
      return [`kubectl delete ${object}`];
    case 'unmarked':
      return [
        `kubectl label ${object} --overwrite ${MANAGED_BY_LABEL}=${MANAGED_BY}`,
        `kubectl annotate ${object} --overwrite ${INSTALLATION_ANNOTATION}=${installation}`,
      ];
  }
}

function applyCommand(desired: KubeObject | undefined): string {
  const how = 'kubectl apply --server-side --force-conflicts --field-manager postern -f -';
  return `echo ${shell(desired)} | ${how}`;
}

function kubectlName({ kind, namespace, name, apiVersion }: ObjectReference): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  return `${kind.toLowerCase()}${group}/${name}${where}`;
}

/** JSON as one word of a shell. */
function shell(value: unknown): string {
  return `'${JSON.stringify(value).replaceAll("'", String.raw`'\''`)}'`;
}

function adoptionOf(found: DriftFinding, context: FindingContext): Adoption {
  const { kind, reference, observed } = found;
  const what = reference.kind;
  if (kind === 'deleted')
    return never('while what stands at these lines is declared, it must be there');
  if (kind === 'undeclared') return never('nothing declares it; without our marks it is not ours');
  if (kind === 'unmarked') return never('what is declared is ours and has our marks');
  if (kind === 'field-taken') return never('the value is as declared; only who holds it is not');
  if (what === 'AuthorizationPolicy' && observed) return operators(found, observed, context);
  if (what === 'PeerAuthentication') return never('plaintext has no identity to declare');
  if (what === 'NetworkPolicy') {
    return never('namespaces come from Grants and from mariadb.pods.operators, not from here');
  }
  return never('the fields are compiled, and no declaration gives these values');
}

/** Service accounts beside Postern that may reach the pods. */
function operators(found: DriftFinding, observed: KubeObject, context: FindingContext): Adoption {
  const pods = context.podsOf(found);
  if (!pods) return never('who reaches the gateway is what Grants say');
  const ours = new Set(principalsOf(found.desired?.['spec']));
  const added = principalsOf(observed['spec']).filter((one) => !ours.has(one));
  const accounts = added.map((one) => {
    const [, domain = '', namespace, name] =
      /^([^/]+)\/ns\/([^/*]+)\/sa\/([^/*]+)$/.exec(one) ?? [];
    return pods.trustDomains.includes(domain) && namespace ? `${namespace}/${name}` : undefined;
  });
  if (accounts.length === 0) return never('nobody was added whom a declaration could name');
  const unknown = added.find((_, at) => accounts[at] === undefined);
  if (unknown !== undefined)
    return never(`${unknown} is no single service account of this cluster`);
  const edits = [...new Set(accounts)].map(
    (value): DeclarationEdit => ({
      document: pods.document,
      change: 'append',
      path: ['spec', 'mariadb', 'pods', 'operators'],
      value: value ?? '',
    }),
  );
  return { edits };
}

function never(impossible: string): Adoption {
  return { impossible };
}
