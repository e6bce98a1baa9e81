// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type AskedCall,
  envoyOutcome,
  expectedOutcome,
  inParallel,
  modelOf,
  modelVerdict,
  TokenIssuers,
} from '../support/mesh-agreement.ts';
import { MeshEnvoy } from '../support/mesh-envoy.ts';
import { isOnPath } from '../support/proxies.ts';
import { Random } from '../support/random.ts';
import { RANDOM_ISSUERS, randomCall, randomInbound } from '../support/random-mesh.ts';

/** `MESH_SEED=7 MESH_PORTS=1000` for other and more of them. */
const SEED = Number(process.env['MESH_SEED'] ?? 1);
const PORTS = Number(process.env['MESH_PORTS'] ?? 240);
const CALLS = 6;

const missing = isOnPath('envoy') ? false : 'Envoy is not installed';

describe('the model of the mesh and a real Envoy, on random policies', { skip: missing }, () => {
  const random = new Random(SEED);
  const issuers = new TokenIssuers(RANDOM_ISSUERS);
  const inbounds = random.times(PORTS, (index) => randomInbound(random, index, issuers));
  let envoy: MeshEnvoy;
  before(async () => {
    envoy = await MeshEnvoy.start(inbounds);
  });
  after(() => envoy?.stop());

  it(`agree on each of ${PORTS} ports and ${CALLS} calls to it (seed ${SEED})`, async () => {
    const calls = inbounds.flatMap((inbound) => {
      const model = modelOf(inbound);
      return random.times(CALLS, () => ({ inbound, model, asked: randomCall(random, issuers) }));
    });
    const reasons = new Map<string, number>();
    const differing: object[] = [];
    await inParallel(calls, async ({ inbound, model, asked }) => {
      const verdict = modelVerdict(model, inbound, asked);
      const real = await envoyOutcome(envoy, inbound, asked);
      reasons.set(verdict.why, (reasons.get(verdict.why) ?? 0) + 1);
      if (real === expectedOutcome(verdict, inbound.protocol)) return;
      differing.push({ real, verdict, asked: readable(asked), objects: inbound.objects });
    });
    const shown = JSON.stringify(differing[0], undefined, 1);
    equal(differing.length, 0, `seed ${SEED}, ${differing.length} calls differ: ${shown}`);
    const expected = [
      ...['allow-rule', 'no-allow-policy', 'deny-rule', 'no-allow-rule'],
      ...['plaintext-refused', 'trust-domain-refused', 'token-refused'],
    ];
    deepEqual([...reasons.keys()].sort(), expected.sort(), 'every reason, and nothing unknown');
    const counts = [...reasons].map(([why, count]) => `${why} ${count}`).join(', ');
    for (const [why, count] of reasons) ok(count > calls.length / 200, `${why} is rare: ${counts}`);
  });
});

function readable({ token, ...asked }: AskedCall): object {
  return { ...asked, ...(token && { claims: token.claims, verifies: token.verifies }) };
}
