// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  type AddressInfo,
  createServer,
  connect as dial,
  type Server,
  type Socket,
} from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { IdentityResolver } from '../../src/identity/resolver.ts';
import type { IdentityResult } from '../../src/identity/result.ts';
import { systemClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import { acceptMeshTls, serverContext } from '../../src/net/tls.ts';
import { type Authority, createAuthority } from '../support/certs.ts';
import { cluster, policy } from '../support/policy.ts';

const CHECKOUT = 'spiffe://prod.local/ns/payments/sa/checkout';
const SNI = 'outbound_.3306_._.orders-db.data.svc.cluster.local';

interface Seen {
  readonly identity: IdentityResult;
  readonly serverName?: string;
  readonly reused: boolean;
}

let authority: Authority;
let server: Server;
let port: number;
let seen: (Seen | Error)[];
const sockets = new Set<Socket>();

async function accept(connection: Socket, resolver: IdentityResolver, gateway: Issued) {
  const leaf = new X509Certificate(gateway.certPem);
  const pair = { chainPem: gateway.chainPem, keyPem: new Secret(gateway.keyPem), leaf };
  const secureContext = serverContext(pair, resolver.rootsPem);
  const options = { secureContext, timeoutMs: 500, clock: systemClock };
  try {
    const { socket, chain, serverName } = await acceptMeshTls(connection, options);
    const identity = resolver.verifyCertificateChain(chain, 'mesh-mtls');
    const reused = socket.isSessionReused();
    seen.push({ identity, reused, ...(serverName !== undefined && { serverName }) });
    // The server speaks first, as MariaDB does.
    socket.end('greeting');
  } catch (thrown) {
    seen.push(thrown as Error);
  }
}

type Issued = Awaited<ReturnType<Authority['issue']>>;

/** Connects as a sidecar would; resolves with what came back, the session, or the error. */
function call(
  options: ConnectionOptions,
): Promise<{ said: string; error: string; session?: Buffer; alpn: string }> {
  return new Promise((resolve) => {
    let said = '';
    let error = '';
    let session: Buffer | undefined;
    const socket: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      servername: SNI,
      checkServerIdentity: () => undefined,
      ca: authority.certPem,
      ...options,
    });
    socket.on('session', (ticket) => {
      session = ticket;
    });
    socket.on('data', (data) => {
      said += data;
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.message;
    });
    socket.on('close', () => {
      const alpn = String(socket.alpnProtocol);
      resolve({ said, error, alpn, ...(session && { session }) });
    });
  });
}

describe('identity-mesh-tls', () => {
  before(async () => {
    authority = await createAuthority({ commonName: 'mesh' });
    const gateway = await authority.issue({
      spiffeId: 'spiffe://prod.local/ns/postern-system/sa/postern',
    });
    const resolver = new IdentityResolver({
      policy: policy({ clusters: [cluster('prod', { trustDomain: 'prod.local' })] }),
      clock: systemClock,
      log: silentLog,
      readMaterial: () => authority.certPem,
    });
    server = createServer({ pauseOnConnect: true }, (connection) => {
      sockets.add(connection);
      void accept(connection, resolver, gateway);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    port = (server.address() as AddressInfo).port;
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const one = async (options: ConnectionOptions) => {
    seen = [];
    const answer = await call(options);
    const [what] = seen;
    return { answer, what: what as Seen, failure: what as Error };
  };
  const workload = (
    request: Parameters<Authority['issue']>[0] = { spiffeId: CHECKOUT },
    by = authority,
  ) => by.issue(request).then((issued) => ({ cert: issued.chainPem, key: issued.keyPem }));

  it('knows the workload and the dialled service, and chooses the ALPN of plain TCP', async () => {
    const intermediate = await authority.intermediate();
    const presented = await workload({ spiffeId: CHECKOUT }, intermediate);
    const ALPNProtocols = ['istio-peer-exchange', 'istio'];
    const { answer, what } = await one({ ...presented, ALPNProtocols });
    assert.deepEqual([answer.said, answer.alpn], ['greeting', 'istio']);
    assert.equal(what.serverName, SNI);
    assert.ok(what.identity.ok);
    assert.equal(what.identity.principal.id, 'workload/prod/payments/checkout');
  });

  it('accepts a peer without ALPN, refuses one with only another by alert', async () => {
    const presented = await workload();
    assert.equal((await one(presented)).answer.said, 'greeting');
    for (const ALPNProtocols of [['istio-peer-exchange'], ['h2']]) {
      const { answer, failure } = await one({ ...presented, ALPNProtocols });
      assert.match(answer.error, /alert number 120/);
      assert.match(failure.message, /no application protocol/);
    }
  });

  it('never resumes a session', async () => {
    const presented = await workload();
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const limits = { minVersion: version, maxVersion: version } as const;
      const first = await one({ ...presented, ...limits });
      const again = await one({
        ...presented,
        ...limits,
        ...(first.answer.session && { session: first.answer.session }),
      });
      assert.equal(again.what.reused, false);
      assert.ok(again.what.identity.ok);
    }
  });

  it('refuses old TLS', async () => {
    const { answer } = await one({
      ...(await workload()),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
    });
    assert.notEqual(answer.error, '');
  });

  it('lets strangers finish the handshake and says why they are nobody', async () => {
    const reasonFor = async (options: ConnectionOptions) => {
      const { what } = await one(options);
      return what.identity.ok ? what.identity.principal.id : what.identity.reason;
    };
    assert.equal(await reasonFor({}), 'anonymous');
    const other = await createAuthority();
    assert.equal(
      await reasonFor(await workload({ spiffeId: CHECKOUT }, other)),
      'certificate-untrusted',
    );
    const past = { notBefore: new Date(0), notAfter: new Date(Date.now() - 1000) };
    assert.equal(
      await reasonFor(await workload({ spiffeId: CHECKOUT, ...past })),
      'certificate-expired',
    );
    assert.equal(
      await reasonFor(await workload({ spiffeId: CHECKOUT, isCa: true })),
      'certificate-not-leaf',
    );
    assert.equal(
      await reasonFor(await workload({ uris: [CHECKOUT, CHECKOUT] })),
      'certificate-identity',
    );
    const foreign = 'spiffe://elsewhere.local/ns/payments/sa/checkout';
    assert.equal(await reasonFor(await workload({ spiffeId: foreign })), 'certificate-untrusted');
  });

  it('gives up on silence, garbage and a peer that leaves', async () => {
    const failureOf = (say: (socket: Socket) => void) =>
      new Promise<string>((resolve) => {
        seen = [];
        const socket = dial(port, '127.0.0.1', () => say(socket));
        socket.on('error', () => undefined);
        socket.on('close', () => setTimeout(() => resolve((seen[0] as Error).message), 20));
        socket.resume();
      });
    assert.match(await failureOf(() => undefined), /longer than 500 ms/);
    assert.match(await failureOf((socket) => socket.write('SELECT 1;\r\n\r\n')), /failed: /);
    assert.match(await failureOf((socket) => socket.end()), /closed|ECONNRESET|disconnected/);
  });
});
