// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { planRequest } from './plan-request.ts';

const DECLARATION = `apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders}}
spec:
  expose: {port: 3306}
  mariadb:
    endpoints: [{host: orders.example}]
    tls: {ca: {file: ca.pem}}
    broker: {user: postern_broker, password: {file: broker-password}}
`;

describe('plan-request', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'postern-plan-'));
  after(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'policy.yaml'), DECLARATION);
  const request = (env: NodeJS.ProcessEnv) => {
    const ignore = () => undefined;
    const context = { cwd, env, interactive: false, out: ignore, err: ignore };
    return planRequest(['policy.yaml'], {}, 'reader', context);
  };

  it('looks as an administrator only where one is known', async () => {
    const user = async (env: NodeJS.ProcessEnv) => {
      const { layers, access } = await request(env);
      return layers.databases.map((one) => access.administrator(one)?.user)[0];
    };
    equal(await user({}), undefined);
    equal(await user({ POSTERN_ADMIN_PASSWORD: 'secret' }), 'root');
  });
});
