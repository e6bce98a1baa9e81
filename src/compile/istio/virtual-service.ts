// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import { externalHosts, hostObjectName } from './external-host.ts';
import type { MeshContext } from './mesh-context.ts';

/** Which deployment of an online endpoint answers: a header, set for each share of the requests. */
export function virtualServices(context: MeshContext): readonly Artifact[] {
  return externalHosts(context).flatMap(({ host, targets, rules }) => {
    const split = targets.find(
      ({ system }) => system.type === 'azureMl' && system.deployments.length > 0,
    );
    if (split?.system.type !== 'azureMl') return [];
    const route = split.system.deployments.map(({ name, weight }) => ({
      destination: { host, port: { number: 80 } },
      weight,
      headers: { request: { set: { 'azureml-model-deployment': name } } },
    }));
    return [
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: {
          name: hostObjectName(host),
          namespace: context.gateway.namespace,
          labels: MANAGED_LABELS,
        },
        rules,
        content: { spec: { hosts: [host], exportTo: ['.'], http: [{ route }] } },
      },
    ];
  });
}
