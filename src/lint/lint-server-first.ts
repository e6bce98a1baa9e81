// SPDX-License-Identifier: Apache-2.0
import { type AuthorizationPolicy, valuesOf } from '../manifest/authorization-policy.ts';
import { type DatabaseWorkload, selectsWorkload } from '../manifest/database-workload.ts';
import { manifestName } from '../manifest/manifest.ts';
import { type LintContext, workloadName } from './context.ts';

/**
 * A PERMISSIVE port waits for the first bytes to tell TLS from plaintext; a server that speaks
 * first waits for nothing, so a plaintext client and it wait for each other.
 */
export function lintServerFirst(context: LintContext): void {
  const { databases, found, mesh } = context;
  for (const workload of databases) {
    const { namespace, labels, port, serverFirst, place } = workload;
    const peer = mesh.peerMode(namespace, labels, port);
    if (peer.mode === 'STRICT') continue;
    if (serverFirst) {
      const origin = peer.place ? '' : ', as nothing in these files says otherwise';
      const facts = { port, workload: workloadName(workload), mode: peer.mode, origin };
      found.add('istio-server-first', peer.place ?? place, facts);
    }
    for (const policy of mesh.policies) lintDeny(policy, workload, context);
  }
}

/** Plaintext callers have an empty identity: a positive test misses them, a negative one hits. */
function lintDeny(policy: AuthorizationPolicy, workload: DatabaseWorkload, { found }: LintContext) {
  if (policy.action !== 'DENY' || !selectsWorkload(policy, workload)) return;
  for (const { sources } of policy.rules) {
    for (const source of sources) {
      const [first] = valuesOf(source, ['principals', 'namespaces', 'serviceAccounts']);
      if (!first) continue;
      const effect = first.field.startsWith('not')
        ? `${first.field} also hits everybody in plaintext, of the namespaces it spares as well`
        : `${first.field} misses the same callers in plaintext`;
      found.add('istio-deny-without-strict', first.place, {
        object: manifestName(policy.manifest),
        workload: workloadName(workload),
        effect,
      });
    }
  }
}
