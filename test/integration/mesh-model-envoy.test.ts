// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Inbound } from '../support/envoy-inbound.ts';
import type { Loose } from '../support/envoy-rbac.ts';
import {
  type AskedCall,
  envoyOutcome,
  expectedOutcome,
  loopbackAddress,
  modelOf,
  modelVerdict,
  spiffeId,
} from '../support/mesh-agreement.ts';
import { CONNECTION_SCENES } from '../support/mesh-connection-scenes.ts';
import { MeshEnvoy } from '../support/mesh-envoy.ts';
import { REQUEST_SCENES } from '../support/mesh-request-scenes.ts';
import { issuers, type Scene } from '../support/mesh-scene.ts';
import { isOnPath } from '../support/proxies.ts';

const SCENES = [...CONNECTION_SCENES, ...REQUEST_SCENES];

function inboundOf({ objects, port, protocol }: Scene, index: number): Inbound {
  return {
    address: loopbackAddress(index),
    port: port ?? (protocol ? 8443 : 3306),
    protocol: protocol ?? 'tcp',
    namespace: 'data',
    labels: { app: 'db' },
    objects: parseAllDocuments(objects).map((document) => {
      const object = document.toJS() as Loose;
      return { apiVersion: 'security.istio.io/v1', ...object };
    }),
    names: { rootNamespace: 'istio-system', trustDomains: ['cluster.local', 'old.example'] },
    keys: issuers.keys,
  };
}

const missing = isOnPath('envoy') ? false : 'Envoy is not installed';

describe('the model of the mesh and a real Envoy', { skip: missing }, () => {
  const inbounds = SCENES.map((scene, index) => inboundOf(scene, index));
  let envoy: MeshEnvoy;
  before(async () => {
    envoy = await MeshEnvoy.start(inbounds);
  });
  after(() => envoy?.stop());

  for (const [index, { title, asks }] of SCENES.entries()) {
    it(title, async () => {
      const inbound = inbounds[index];
      if (!inbound) throw new TypeError('every scene has its port');
      const model = modelOf(inbound);
      for (const [who, expected, more] of asks) {
        const asked: AskedCall = {
          ...(who !== 'plaintext' && { spiffeId: spiffeId(who) }),
          ...more,
        };
        const said = `${who} ${JSON.stringify(more?.token?.claims ?? more ?? {})}`;
        equal(await envoyOutcome(envoy, inbound, asked), expected, `Envoy: ${said}`);
        const verdict = modelVerdict(model, inbound, asked);
        deepEqual(
          [expectedOutcome(verdict, inbound.protocol), said],
          [expected, said],
          `${verdict.why}`,
        );
      }
    });
  }
});
