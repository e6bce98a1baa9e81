// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { type Artifact, Traced } from './artifact.ts';
import { authorizationPolicy, matching } from './authorization-object.ts';
import { callerPrincipals, callersOf } from './caller.ts';
import { admitted, type Database, databases } from './database.ts';
import { httpPolicies } from './http-authorization.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext, sortedUnique } from './mesh-context.ts';

export function authorizationPolicies(context: MeshContext): readonly Artifact[] {
  const pods = databases(context).flatMap((database) => [
    allowDatabase(context, database),
    denyDatabase(context, database),
  ]);
  const gateway =
    context.mesh.dataPlane === 'Ambient' ? ambientGateway(context) : httpPolicies(context);
  return [...pods, ...gateway];
}

/**
 * Deny by default for the port of a database: without an ALLOW everybody may connect. Its other
 * ports (replication, metrics) stay as they were.
 */
function allowDatabase(context: MeshContext, { target, pods }: Database): Artifact {
  const { rule, namespace, labels, port } = pods;
  const rules = [
    new Traced(
      {
        from: [{ source: { principals: admitted(context, pods) } }],
        to: [{ operation: { ports: [String(port)] } }],
      },
      [rule],
    ),
    { to: [{ operation: { notPorts: [String(port)] } }] },
  ];
  const name = `postern-${target.name}-allow`;
  return authorizationPolicy(name, namespace, [rule], {
    selector: matching(labels),
    action: 'ALLOW',
    rules,
  });
}

/**
 * Beside the ALLOW, since one that somebody else adds must not open the port again. DENY wins over
 * any ALLOW, so the exceptions are inside it; a plaintext caller has no principal and matches.
 */
function denyDatabase(context: MeshContext, { target, pods }: Database): Artifact {
  const { rule, namespace, labels, port } = pods;
  const rules = [
    new Traced(
      {
        from: [{ source: { notPrincipals: admitted(context, pods) } }],
        to: [{ operation: { ports: [String(port)] } }],
      },
      [rule],
    ),
  ];
  const name = `postern-${target.name}-deny`;
  return authorizationPolicy(name, namespace, [rule], {
    selector: matching(labels),
    action: 'DENY',
    rules,
  });
}

/**
 * ztunnel judges before Postern sees a connection, and by principal alone: it lets through who may
 * reach any target. Which one is decided by Postern, from the address that was dialled.
 */
function ambientGateway(context: MeshContext): readonly Artifact[] {
  const sources = new Map<string, RuleReference[]>();
  for (const target of context.targets) {
    for (const caller of callersOf(context, target).workloads) {
      for (const principal of callerPrincipals(context, caller)) {
        sources.set(principal, [...(sources.get(principal) ?? []), ...caller.rules]);
      }
    }
  }
  const from = sortedUnique(sources.keys()).map(
    (principal) =>
      new Traced({ source: { principals: [principal] } }, sources.get(principal) ?? []),
  );
  const rules = from.length === 0 ? [] : [{ from }];
  return [
    authorizationPolicy(`${GATEWAY_NAME}-allow`, context.gateway.namespace, [context.mesh.rule], {
      selector: matching(GATEWAY_LABELS),
      action: 'ALLOW',
      // Without rules nobody is let through, which is what no Grant means.
      ...(rules.length > 0 && { rules }),
    }),
  ];
}
