// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { type Authority, createAuthority } from './certs.ts';
import { type Inbound, inboundListener, mtlsMode } from './envoy-inbound.ts';
import { type FrontProxy, started } from './proxies.ts';

/** What a caller sees of a call. */
export type Outcome = 'served' | 'closed' | 'unauthorised' | 'forbidden';

export interface EnvoyCall {
  /** Absent: plaintext. */
  readonly spiffeId?: string;
  /** Of 127.0.0.0/8; where the connection comes from. */
  readonly source?: string;
  readonly token?: string;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
}

const CALL_LIMIT_MS = 20_000;
/** Longer than what Envoy looks at before it knows that it is not TLS. */
const PING = 'ping over the mesh';

/** One Envoy with a listener for each port of each pod, and everything callers need. */
export class MeshEnvoy {
  readonly #directory = mkdtempSync(join(tmpdir(), 'postern-mesh-'));
  /** By the name in the certificate. */
  readonly #identities = new Map<string, Promise<SecureContext>>();
  readonly #authority: Authority;
  readonly #echo: Server;
  #process: FrontProxy | undefined;

  private constructor(authority: Authority, echo: Server) {
    this.#authority = authority;
    this.#echo = echo;
  }

  static async start(inbounds: readonly Inbound[]): Promise<MeshEnvoy> {
    const echo = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const envoy = new MeshEnvoy(await createAuthority(), echo);
    try {
      await envoy.#run(inbounds);
    } catch (thrown) {
      await envoy.stop();
      throw thrown;
    }
    return envoy;
  }

  async #run(inbounds: readonly Inbound[]): Promise<void> {
    const own = await this.#authority.issue({ spiffeId: 'spiffe://cluster.local/ns/data/sa/db' });
    const file = (name: string, text: string) => {
      const path = join(this.#directory, name);
      writeFileSync(path, text);
      return path;
    };
    const tls = {
      chain: file('chain.pem', own.chainPem),
      key: file('key.pem', own.keyPem),
      roots: file('roots.pem', this.#authority.certPem),
    };
    const { port } = this.#echo.address() as AddressInfo;
    const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: port } } };
    const settings = {
      static_resources: {
        listeners: inbounds.map((inbound) => inboundListener(inbound, tls)),
        clusters: [
          {
            ...{ name: 'echo', type: 'STATIC', connect_timeout: '5s' },
            load_assignment: {
              cluster_name: 'echo',
              endpoints: [{ lb_endpoints: [{ endpoint }] }],
            },
          },
        ],
      },
    };
    const path = file('envoy.json', JSON.stringify(settings));
    const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'];
    const last = inbounds.at(-1);
    if (!last) throw new TypeError('no port to listen on');
    this.#process = await started(spawn('envoy', ['-c', path, ...flags]), last.port, last.address);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#echo.close();
    rmSync(this.#directory, { recursive: true });
  }

  /** As the caller's sidecar would: to a port without TLS it sends plaintext. */
  async call(inbound: Inbound, call: EnvoyCall): Promise<Outcome> {
    const secure = call.spiffeId !== undefined && mtlsMode(inbound) !== 'DISABLE';
    const socket = secure
      ? await this.#secure(inbound, call, call.spiffeId ?? '')
      : this.#plain(inbound, call);
    return outcome(socket, inbound.protocol === 'tcp' ? PING : request(call));
  }

  #plain({ address, port }: Inbound, { source }: EnvoyCall): Socket {
    return connect({ host: address, port, ...(source !== undefined && { localAddress: source }) });
  }

  async #secure(inbound: Inbound, call: EnvoyCall, spiffeId: string): Promise<Socket> {
    const identity = this.#identities.get(spiffeId) ?? this.#identity(spiffeId);
    this.#identities.set(spiffeId, identity);
    const secureContext = await identity;
    return connectTls({
      socket: this.#plain(inbound, call),
      secureContext,
      ALPNProtocols: inbound.protocol === 'tcp' ? ['istio'] : ['istio', 'http/1.1'],
      // The name of a server of the mesh is a URI, which is not what is under test.
      checkServerIdentity: () => undefined,
    });
  }

  async #identity(spiffeId: string): Promise<SecureContext> {
    const { chainPem, keyPem } = await this.#authority.issue({ spiffeId });
    return createSecureContext({ cert: chainPem, key: keyPem, ca: this.#authority.certPem });
  }
}

function request({ method = 'GET', path = '/', host = 'api.example', token }: EnvoyCall): string {
  const bearer = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${bearer}\r\n`;
}

/** Sends, and looks at what comes back until the other side closes. */
async function outcome(socket: Socket, bytes: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let received = '';
    const end = (found: Outcome | Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (found instanceof Error) reject(found);
      else resolve(found);
    };
    const timer = setTimeout(
      () => end(new Error(`no answer within ${CALL_LIMIT_MS} ms`)),
      CALL_LIMIT_MS,
    );
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      // Envoy waits for us to close first.
      if (received === PING || isWhole(received)) end(read(received));
    });
    socket.once('error', () => end('closed'));
    socket.once('close', () => end(read(received)));
    socket.write(bytes);
  });
}

function isWhole(received: string): boolean {
  const [head = '', body] = received.split('\r\n\r\n', 2);
  const length = /\ncontent-length: (\d+)/i.exec(head)?.[1];
  return body !== undefined && length !== undefined && body.length >= Number(length);
}

/** A token with a wrong audience is answered 403 as a rule's denial is; the texts tell them apart. */
function read(received: string): Outcome | Error {
  if (received === '') return 'closed';
  if (received === PING) return 'served';
  const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1];
  if (status === '200') return 'served';
  if (status === '401' || (status === '403' && received.includes('Jwt'))) return 'unauthorised';
  if (status === '403' && received.includes('RBAC')) return 'forbidden';
  return new Error(`unexpected: ${received.slice(0, 200)}`);
}
