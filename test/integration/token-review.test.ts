// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { withToken } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { World } from '../support/world.ts';

const SUBJECT = 'system:serviceaccount:payments:checkout';
const REVIEWER = 'reviewer-token';

/** What an API server does with a TokenReview, and nothing else; every mistake is a 400. */
class StandInApiServer {
  readonly asked: { readonly token: string; readonly audiences: readonly string[] }[] = [];
  /** The status of the answer; `slow`: none at all. */
  answer: object | 'slow' = {};
  readonly #server: Server;

  constructor(tls: { readonly cert: string; readonly key: string }) {
    this.#server = createServer(tls, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const say = (status: number, body: object) =>
          response
            .writeHead(status, { 'content-type': 'application/json' })
            .end(JSON.stringify(body));
        const failure = (code: number) => say(code, { kind: 'Status', status: 'Failure', code });
        const { authorization, 'content-type': type } = request.headers;
        if (authorization !== `Bearer ${REVIEWER}`) return failure(401);
        const path = '/apis/authentication.k8s.io/v1/tokenreviews';
        if (request.method !== 'POST' || request.url !== path) return failure(404);
        if (type !== 'application/json') return failure(415);
        const body = JSON.parse(Buffer.concat(chunks).toString());
        const { token, audiences } = body.spec ?? {};
        const shape = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' };
        const expected = { ...shape, spec: { token, audiences } };
        if (typeof token !== 'string' || JSON.stringify(body) !== JSON.stringify(expected)) {
          return failure(400);
        }
        this.asked.push({ token, audiences });
        if (this.answer !== 'slow') say(201, { ...body, metadata: {}, status: this.answer });
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe('Kubernetes TokenReview', () => {
  let world: World;
  let server: StandInApiServer;
  let address: string;
  before(async () => {
    world = await World.start();
    const { chainPem, keyPem } = await world.serverCa.issue({
      ...{ dnsNames: ['localhost'], usages: ['server'] },
    });
    server = new StandInApiServer({ cert: chainPem, key: keyPem });
    address = await server.listen();
    world.write('reviewer-token', `${REVIEWER}\n`);
    await declare(false);
  });
  after(async () => {
    server?.close();
    await world?.stop();
  });

  /** The cluster's tokens are signed by the test's issuer in the place of its API server. */
  async function declare(alone: boolean): Promise<void> {
    const review = `tokenReview: {server: ${address}, ca: {file: ../server-ca.pem}, token: {file: ../reviewer-token}, alone: ${alone}}`;
    const jwks = alone
      ? 'jwks: {url: "https://localhost:1/none"}'
      : `jwks: {url: "${world.idp.issuer}/keys"}`;
    const tokens = `serviceAccountTokens: {issuer: "${ISSUER}", audiences: [postern], ${jwks}, ${review}}`;
    const bundle = 'bundle: {file: ../mesh-ca.pem}\n';
    world.writePolicy(world.policyText().replace(bundle, `${bundle}  ${tokens}\n`));
    const report = await world.gateway?.reload();
    deepEqual(report?.faults, []);
  }

  const ISSUER = 'https://kubernetes.default.svc';
  let serial = 0;
  const serviceAccountToken = () => {
    serial += 1;
    return world.idp.token({ iss: ISSUER, aud: ['postern'], sub: SUBJECT, jti: String(serial) });
  };
  const yes = { authenticated: true, audiences: ['postern'], user: { username: SUBJECT } };
  const refused = async (token: string) => {
    const known = recordsOf(world.path('audit'), 'login-denied').length;
    await rejects(withToken(world, token), /Access denied/);
    return (await newRecords(world.path('audit'), 'login-denied', known))[0];
  };

  it('is asked besides the signature, once for a while', async () => {
    server.answer = yes;
    const token = serviceAccountToken();
    const before = server.asked.length;
    for (let count = 0; count < 3; count += 1) {
      const connection = await withToken(world, token);
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM orders');
      deepEqual(rows, [{ n: 3 }]);
      await connection.end();
    }
    deepEqual(server.asked.slice(before), [{ token, audiences: ['postern'] }]);
    const opened = recordsOf(world.path('audit'), 'session-opened').at(-1);
    equal(opened?.principal, 'workload/prod/payments/checkout');
  });

  it('is not asked about what is forged, for others or over', async () => {
    const before = server.asked.length;
    const [head, body] = serviceAccountToken().split('.');
    equal((await refused(`${head}.${body}.${'A'.repeat(342)}`))?.reason, 'token-signature');
    const old = { iss: ISSUER, aud: ['postern'], sub: SUBJECT, exp: 1_000_000_000 };
    equal((await refused(world.idp.token(old)))?.reason, 'token-expired');
    equal((await refused(world.idp.token({ ...old, aud: ['x'] })))?.reason, 'token-audience');
    equal(server.asked.length, before);
  });

  it('has the last word', async () => {
    server.answer = { authenticated: false, error: 'pod checkout-1 is gone' };
    const denied = await refused(serviceAccountToken());
    equal(denied?.reason, 'token-reviewed');
    match(denied?.detail ?? '', /pod checkout-1 is gone/);
    server.answer = { ...yes, user: { username: 'system:serviceaccount:payments:other' } };
    equal((await refused(serviceAccountToken()))?.reason, 'token-reviewed');
    server.answer = { ...yes, audiences: ['https://kubernetes.default.svc'] };
    equal((await refused(serviceAccountToken()))?.reason, 'token-reviewed');
  });

  it('denies while the server cannot be asked, or does not know us', async () => {
    server.answer = 'slow';
    equal((await refused(serviceAccountToken()))?.reason, 'provider-unavailable');
    server.answer = yes;
    world.write('reviewer-token', 'another');
    const denied = await refused(serviceAccountToken());
    match(denied?.detail ?? '', /HTTP status 401/);
    world.write('reviewer-token', REVIEWER);
    await (await withToken(world, serviceAccountToken())).end();
  });

  it('can take the place of the signature where no keys can be had', async () => {
    await declare(true);
    server.answer = yes;
    await (await withToken(world, serviceAccountToken())).end();
    server.answer = { authenticated: false };
    equal((await refused(serviceAccountToken()))?.reason, 'token-reviewed');
    server.answer = yes;
    const old = { iss: ISSUER, aud: ['postern'], sub: SUBJECT, exp: 1_000_000_000 };
    equal((await refused(world.idp.token(old)))?.reason, 'token-expired');
  });
});
