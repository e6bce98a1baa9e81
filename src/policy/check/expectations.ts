// SPDX-License-Identifier: Apache-2.0
import { ACTIONS } from '../../model/request.ts';
import { suggestion } from '../nearest.ts';
import type { Expectation } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type CheckContext, type Report, reportOn, reportUnknown } from './context.ts';
import { readObject } from './object.ts';

type ExpectationDocument = ShapedDocument<'Expectation'>;

export function checkExpectations(context: CheckContext): readonly Expectation[] {
  return context.documents.of('Expectation').map((document) => {
    const { spec, rule, namespace, name } = document;
    const report = reportOn(document, context.found);
    checkPrincipal(spec.as, context, report);
    const wanted = readDo(spec.do, report);
    return {
      rule,
      namespace,
      name,
      as: spec.as,
      groups: spec.groups,
      appRoles: spec.appRoles,
      claims: spec.claims,
      ...(spec.ci && { ci: readCi(spec.ci, spec.as, report) }),
      to: targetId(document, context, report),
      ...(wanted && { do: wanted }),
      ...(spec.at !== undefined && { at: spec.at }),
      expect: spec.expect,
    };
  });
}

function readCi(
  { ownerId, repositoryId, ref }: NonNullable<ExpectationDocument['spec']['ci']>,
  as: string,
  report: Report,
): NonNullable<Expectation['ci']> {
  if (!as.startsWith('ci/')) {
    const suggestion = 'Remove it, or write "as: ci/PROVIDER/REPOSITORY@ENVIRONMENT".';
    const problem = `${as} is no CI job`;
    report(['spec', 'ci'], 'value-invalid', { where: 'spec.ci', problem, suggestion });
  }
  return {
    ...(ownerId !== undefined && { ownerId }),
    ...(repositoryId !== undefined && { repositoryId }),
    ...(ref !== undefined && { ref }),
  };
}

/** An id that cannot exist would make `expect: Deny` hold for the wrong reason. */
function checkPrincipal(as: string, context: CheckContext, report: Report): void {
  const path = ['spec', 'as'];
  const invalid = (problem: string, remedy: string) =>
    report(path, 'value-invalid', { where: 'spec.as', problem, suggestion: remedy });
  const [kind = '', scope = '', ...rest] = as.split('/');
  const known = (declared: ReadonlyMap<string, unknown>, of: 'Cluster' | 'IdentityProvider') => {
    if (declared.has(scope)) return;
    reportUnknown(context, report, path, of, scope, declared.keys());
  };
  if (rest.length === 0 || rest.includes('')) {
    invalid(`${as} is not the id of a principal`, 'Write it as workload/CLUSTER/NAMESPACE/SA.');
  } else if (kind === 'workload') {
    if (rest.length !== 2)
      invalid(`${as} is not a workload`, 'Write workload/CLUSTER/NAMESPACE/SA.');
    known(context.clusters, 'Cluster');
  } else if (kind === 'user' || kind === 'ci' || kind === 'agent') {
    known(context.providers, 'IdentityProvider');
  } else {
    invalid(`${kind} is no kind of principal`, 'Known: workload, user, ci, agent.');
  }
}

function targetId(
  { spec, namespace }: ExpectationDocument,
  context: CheckContext,
  report: Report,
): string {
  const id = spec.to.includes('/') ? spec.to : `${namespace}/${spec.to}`;
  if (!context.targets.has(id)) {
    reportUnknown(context, report, ['spec', 'to'], 'Target', id, context.targets.keys());
  }
  return id;
}

function readDo(text: string | undefined, report: Report): Expectation['do'] | undefined {
  if (text === undefined) return undefined;
  const path = ['spec', 'do'];
  const [word = '', objectText = '', ...rest] = text.split(/\s+/);
  const action = ACTIONS.find((one) => one === word);
  if (action === undefined || objectText === '' || rest.length > 0) {
    const problem = action
      ? `"${text}" is not an action and an object`
      : `there is no action ${word}`;
    const remedy = action ? 'Write "select schema.table".' : suggestion(word, ACTIONS, '');
    report(path, 'value-invalid', { where: 'spec.do', problem, suggestion: remedy });
    return undefined;
  }
  const routine = objectText.endsWith('()') || action === 'execute';
  const name = objectText.replace(/\(\)$/, '');
  const object = readExpectedObject(name, routine, report);
  return object && { action, object };
}

/** A reserved schema may be expected to be denied. */
function readExpectedObject(name: string, routine: boolean, report: Report) {
  const type = routine ? 'routine' : 'table';
  return readObject(name, type, ['spec', 'do'], (path, code, facts) => {
    if (code !== 'schema-reserved') report(path, code, facts);
  });
}
