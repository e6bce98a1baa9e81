// SPDX-License-Identifier: Apache-2.0
import type { Labels, MeshObject } from './mesh-facts.ts';
import { ObjectFields } from './object-fields.ts';

/** `values` are ORed, and none of `notValues` may match; an empty list does not restrict. */
export interface AttributeTest {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Sources are ORed, operations too; the tests within one are ANDed, and so are conditions. */
export interface AuthorizationRule {
  readonly path: string;
  readonly sources: readonly (readonly AttributeTest[])[];
  readonly operations: readonly (readonly AttributeTest[])[];
  readonly conditions: readonly AttributeTest[];
  /** A field of it that is not known here. */
  readonly strange?: string;
}

export interface AuthorizationPolicy {
  readonly from: MeshObject;
  readonly namespace: string;
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
  readonly selector: Labels;
  /** Bound to a gateway or waypoint, which pods do not heed. */
  readonly hasTargets: boolean;
  readonly isDryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
  /** A field outside the rules that is not known here, or one that has a value of no meaning. */
  readonly strange?: string;
}

const SOURCE_FIELDS = {
  principals: 'source.principal',
  requestPrincipals: 'request.auth.principal',
  namespaces: 'source.namespace',
  serviceAccounts: 'source.serviceAccount',
  ipBlocks: 'source.ip',
  remoteIpBlocks: 'remote.ip',
} as const;

const OPERATION_FIELDS = {
  hosts: 'host',
  ports: 'destination.port',
  methods: 'method',
  paths: 'path',
} as const;

const ACTIONS = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const;

export function readAuthorizationPolicy(from: MeshObject): AuthorizationPolicy {
  const { metadata } = from.object;
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const name = spec.text('action') ?? 'ALLOW';
  const action = ACTIONS.find((one) => one === name);
  const rules = readRules(new ObjectFields(from.object['spec'], 'spec'));
  // Its rules are read apart, so that an unknown field in one leaves the others as they are.
  spec.ignore('rules', 'provider');
  const selector = spec.object('selector').map('matchLabels');
  const hasTargets = spec.objects('targetRefs').length > 0 || spec.has('targetRef');
  spec.ignore('targetRefs');
  const strange = hasTargets ? undefined : (spec.strange() ?? (action ? undefined : 'spec/action'));
  return {
    from,
    namespace: metadata.namespace ?? '',
    // What an unknown action does is unknown, as `strange` says.
    action: action ?? 'DENY',
    selector,
    hasTargets,
    isDryRun: /^(1|t|T|true|TRUE|True)$/.test(metadata.annotations?.['istio.io/dry-run'] ?? ''),
    rules,
    ...(strange !== undefined && { strange }),
  };
}

function readRules(spec: ObjectFields): readonly AuthorizationRule[] {
  return spec.objects('rules').map((rule) => {
    const sources = rule.objects('from').map((one) => tests(one.object('source'), SOURCE_FIELDS));
    const operations = rule
      .objects('to')
      .map((one) => tests(one.object('operation'), OPERATION_FIELDS));
    const conditions = rule.objects('when').map((one) => ({
      key: one.text('key') ?? '',
      values: one.texts('values'),
      notValues: one.texts('notValues'),
    }));
    const strange = rule.strange();
    return {
      path: rule.path,
      sources,
      operations,
      conditions,
      ...(strange !== undefined && { strange }),
    };
  });
}

function tests(
  fields: ObjectFields,
  names: Readonly<Record<string, string>>,
): readonly AttributeTest[] {
  return Object.entries(names)
    .map(([field, key]) => ({
      key,
      values: fields.texts(field),
      notValues: fields.texts(`not${field[0]?.toUpperCase()}${field.slice(1)}`),
    }))
    .filter(({ values, notValues }) => values.length + notValues.length > 0);
}
