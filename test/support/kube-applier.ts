// SPDX-License-Identifier: Apache-2.0
// A process that plans and applies, to be killed in the middle of it.
import { readFileSync } from 'node:fs';
import type { DesiredObject } from '../../src/compile/kube/object.ts';
import { applyPlan, planForCluster } from '../../src/kube/apply.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { fromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { SAMPLE_KINDS } from './kube-sample.ts';

const [kubeconfig = '', installation = '', file = ''] = process.argv.slice(2);
const desired = JSON.parse(readFileSync(file, 'utf8')) as DesiredObject[];
const client = new KubeClient(fromKubeconfig([kubeconfig]));
const plan = await planForCluster(client, { installation, desired, kinds: SAMPLE_KINDS });
await applyPlan(client, installation, plan);
client.close();
