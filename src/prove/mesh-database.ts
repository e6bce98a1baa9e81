// SPDX-License-Identifier: Apache-2.0
import type { Labels } from './mesh/mesh-facts.ts';
import { type CallerAtom, callerAtoms } from './mesh-callers.ts';
import { decidedBy, type MeshComparison } from './mesh-comparison.ts';
import { namedIn } from './mesh-declared.ts';
import { meshNamesAt } from './mesh-names.ts';
import type { DatabasePlace } from './mesh-places.ts';
import type { MeshQuestion } from './mesh-question.ts';
import type { DeclaredAnswer } from './proof.ts';

/** Reasons for which a caller is closed after the proxy has connected it to the database. */
const TOO_LATE: ReadonlySet<string> = new Set(['deny-rule', 'no-allow-rule']);

/** Past Postern nobody comes to a database but Postern itself and the declared operators. */
export function compareDatabase(
  { policy, input }: MeshQuestion,
  comparison: MeshComparison,
  place: DatabasePlace,
  gatewayLabels: Labels | undefined,
): void {
  const { target, pods } = place.database;
  const { gateway, cluster } = input.context;
  const postern = `${gateway.namespace}/${gateway.serviceAccount}`;
  const accounts = new Set([postern, ...pods.operators]);
  const atoms = callerAtoms(policy, cluster, {
    accounts,
    namespaces: namedIn(policy, [target], input).namespaces,
    ...meshNamesAt(input, place.destination.namespace),
    labels: new Map(gatewayLabels ? [[postern, gatewayLabels]] : []),
  });
  for (const atom of atoms) {
    const asked = { place, atom, request: {} };
    const verdict = comparison.ask(asked, [target]);
    if (!verdict) return;
    const { principal, caller } = atom;
    const account = `${caller.namespace}/${caller.serviceAccount}`;
    const meant = principal?.cluster === cluster.name && accounts.has(account);
    const by = decidedBy(verdict, place);
    if (meant && verdict.effect === 'deny') {
      const who = account === postern ? 'Postern' : `The operator ${account}`;
      const answer = {
        effect: 'allow',
        text: `${who} is to reach it.`,
        rules: [pods.rule],
      } as const;
      comparison.differs('refuses', target, asked, by, answer);
    } else if (!meant && verdict.effect === 'allow') {
      comparison.differs('exceeds', target, asked, by, pastPostern(place, caller.transport));
    } else if (isHalfOpen(atom, verdict.why, input.context.mesh.dataPlane)) {
      const answer = { effect: 'deny', text: HALF_OPEN, rules: [input.context.mesh.rule] } as const;
      comparison.differs('exceeds', target, asked, by, answer);
    }
  }
}

const HALF_OPEN =
  'The mesh is to be STRICT: without a certificate it is refused before it is connected, and here its connection is opened to the database and closed by a rule later.';

/** Envoy judges a TCP connection at its first bytes; the database has greeted it by then. */
function isHalfOpen({ caller }: CallerAtom, why: string, dataPlane: string): boolean {
  return dataPlane === 'Sidecar' && caller.transport === 'plaintext' && TOO_LATE.has(why);
}

function pastPostern({ database }: DatabasePlace, transport: string): DeclaredAnswer {
  const operators = database.pods.operators.join(', ');
  const others = operators === '' ? '' : ` and ${operators}`;
  const who = transport === 'plaintext' ? ' A caller without a certificate is none of them.' : '';
  const text = `Only Postern${others} may reach it.${who}`;
  return { effect: 'deny', text, rules: [database.pods.rule] };
}
