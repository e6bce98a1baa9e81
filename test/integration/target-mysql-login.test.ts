// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type ErrorCode, PosternError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { loginMysql, type MysqlLogin, type TlsChoice } from '../../src/target/mysql/login.ts';
import { scrambleSha2 } from '../../src/wire/mysql/auth/caching-sha2.ts';
import { scrambleNative } from '../../src/wire/mysql/auth/native-password.ts';
import { encodeAuthMoreData } from '../../src/wire/mysql/auth-more-data.ts';
import { encodeAuthSwitch } from '../../src/wire/mysql/auth-switch.ts';
import { CLIENT_SSL } from '../../src/wire/mysql/capabilities.ts';
import { encodeErr } from '../../src/wire/mysql/err.ts';
import { decodeHandshake } from '../../src/wire/mysql/handshake.ts';
import { decodeHandshakeResponse } from '../../src/wire/mysql/handshake-response.ts';
import { encodeOk, OK_HEADER } from '../../src/wire/mysql/ok.ts';
import { type Authority, createAuthority, type IssuedCertificate } from '../support/certs.ts';
import {
  greeting,
  SCRIPTED_CHALLENGE,
  type ScriptedConnection,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../support/scripted-upstream.ts';

const PASSWORD = 'correct horse';
const OK = encodeOk(
  {
    ...{ header: OK_HEADER, affectedRows: 0, lastInsertId: 0n, status: 2 },
    ...{ warnings: 0, info: '', changes: [] },
  },
  0n,
);
const PLAINTEXT: TlsChoice = { mode: 'plaintext' };

let authority: Authority;
let certificate: IssuedCertificate;

before(async () => {
  authority = await createAuthority();
  certificate = await authority.issue({ ipAddresses: ['127.0.0.1'] });
});

function loginTo(port: number, changes: Partial<MysqlLogin> = {}) {
  return loginMysql({
    targetName: 'scripted',
    endpoint: { host: '127.0.0.1', port },
    tls: PLAINTEXT,
    user: 'app',
    password: new Secret(PASSWORD),
    capabilities: 0n,
    charset: 45,
    attributes: {},
    deadlineMs: 2000,
    ...changes,
  });
}

function failsWith(code: ErrorCode, text: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PosternError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    assert.ok(!JSON.stringify(error.facts).includes(PASSWORD));
    return true;
  };
}

/** Runs one login against a script and always closes the server. */
async function against<T>(
  script: (connection: ScriptedConnection) => Promise<void>,
  run: (upstream: ScriptedUpstream) => Promise<T>,
): Promise<T> {
  const upstream = await startScriptedUpstream(script);
  try {
    return await run(upstream);
  } finally {
    await upstream.close();
  }
}

const verified = (): TlsChoice => ({ mode: 'verified', ca: authority.certPem });

describe('login to an upstream that does not behave', () => {
  it('does not go on without TLS when the offer was stripped from the greeting', async () => {
    const capabilities = decodeHandshake(greeting()).capabilities & ~CLIENT_SSL;
    await against(
      async (connection) => connection.send(greeting({ capabilities })),
      async ({ port, connections }) => {
        const login = loginTo(port, { tls: verified() });
        await assert.rejects(login, failsWith('tls-failed', /does not offer TLS/));
        await connections[0]?.closed;
        assert.equal(connections[0]?.plaintext.length, 0);
      },
    );
  });

  it('refuses plaintext that came in front of the encrypted bytes', async () => {
    await against(
      async (connection) => {
        connection.send(greeting());
        connection.send(OK);
      },
      async ({ port }) => {
        const login = loginTo(port, { tls: verified() });
        await assert.rejects(login, failsWith('unexpected-message', /plaintext/));
      },
    );
  });

  it('never sends a login before TLS is verified', async () => {
    const stranger = await createAuthority();
    const other = await stranger.issue({ ipAddresses: ['127.0.0.1'] });
    await against(
      async (connection) => {
        connection.send(greeting());
        await connection.receive();
        await connection.startTls(other.keyPem, other.chainPem);
      },
      async (upstream) => {
        const login = loginTo(upstream.port, { tls: verified() });
        await assert.rejects(login, failsWith('tls-failed', /127.0.0.1/));
        // The SSLRequest: 32 bytes and a header; neither a user nor a password.
        assert.equal(upstream.connections[0]?.plaintext.length, 36);
      },
    );
  });

  it('says why the server does not want anybody', async () => {
    for (const [errno, text] of [
      [1040, 'Too many connections'],
      [1129, "Host 'x' is blocked because of many connection errors"],
    ] as const) {
      await against(
        async (connection) =>
          connection.send(encodeErr({ errno, sqlState: 'HY000', message: text })),
        async ({ port }) => {
          await assert.rejects(
            loginTo(port),
            failsWith('target-refused', new RegExp(`${text}.*error ${errno}`)),
          );
        },
      );
    }
  });

  it('gives up at its deadline, whatever it was waiting for', async () => {
    const scripts: ((connection: ScriptedConnection) => Promise<void>)[] = [
      async () => undefined,
      async (connection) => connection.send(greeting()),
    ];
    for (const script of scripts) {
      await against(script, async ({ port }) => {
        const login = loginTo(port, { deadlineMs: 100 });
        await assert.rejects(login, failsWith('timeout', /scripted took longer than 100 ms/));
      });
    }
    await against(scripts[1] ?? (async () => undefined), async ({ port }) => {
      const login = loginTo(port, { deadlineMs: 100, tls: verified() });
      await assert.rejects(login, failsWith('timeout', /100 ms/));
    });
  });

  it('names the step in which the connection ended', async () => {
    await against(
      async ({ socket }) => void socket.destroy(),
      async ({ port }) => {
        await assert.rejects(loginTo(port), failsWith('target-unreachable', /scripted/));
      },
    );
    await against(
      async (connection) => {
        connection.send(greeting());
        await connection.receive();
        connection.socket.destroy();
      },
      async ({ port }) => {
        await assert.rejects(loginTo(port), failsWith('target-refused', /closed|ECONNRESET/));
      },
    );
  });

  it('refuses greetings and answers that are not of the protocol', async () => {
    await against(
      async (connection) => void connection.socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
      async ({ port }) => {
        await assert.rejects(loginTo(port), failsWith('malformed-message', /./));
      },
    );
    await against(
      async (connection) => {
        connection.send(greeting());
        await connection.receive();
        connection.send(Buffer.from([0x42]));
      },
      async ({ port }) => {
        await assert.rejects(loginTo(port), failsWith('unexpected-message', /0x42/));
      },
    );
  });
});

describe('authentication plugins', () => {
  const switchTo =
    (plugin: string, then: (connection: ScriptedConnection) => Promise<void>) =>
    async (connection: ScriptedConnection) => {
      connection.send(greeting());
      await connection.receive();
      const data = Buffer.from(SCRIPTED_CHALLENGE).reverse();
      connection.send(encodeAuthSwitch({ plugin, data }));
      await then(connection);
    };
  const reversed = Buffer.from(SCRIPTED_CHALLENGE).reverse();

  it('answers a greeting with caching_sha2_password, then a switch to the native one', async () => {
    await against(
      async (connection) => {
        connection.send(greeting({ authPlugin: 'caching_sha2_password' }));
        const response = decodeHandshakeResponse(await connection.receive());
        assert.equal(response.authPlugin, 'caching_sha2_password');
        assert.deepEqual(response.authResponse, scrambleSha2(PASSWORD, SCRIPTED_CHALLENGE));
        const data = reversed;
        connection.send(encodeAuthSwitch({ plugin: 'mysql_native_password', data }));
        assert.deepEqual(await connection.receive(), scrambleNative(PASSWORD, reversed));
        connection.send(OK);
      },
      async ({ port }) => {
        const upstream = await loginTo(port);
        assert.equal(upstream.connectionId, 7);
        upstream.socket.destroy();
      },
    );
  });

  it('takes the fast way of caching_sha2_password, and keeps bytes behind the OK', async () => {
    await against(
      switchTo('caching_sha2_password', async (connection) => {
        assert.deepEqual(await connection.receive(), scrambleSha2(PASSWORD, reversed));
        connection.socket.cork();
        connection.send(encodeAuthMoreData({ data: Buffer.from([3]) }));
        connection.send(OK);
        connection.socket.write('early');
        connection.socket.uncork();
      }),
      async ({ port }) => {
        const { socket, pending } = await loginTo(port);
        assert.equal(pending.toString(), 'early');
        assert.ok(socket.isPaused());
        socket.destroy();
      },
    );
  });

  it('gives caching_sha2_password the password over TLS only', async () => {
    const wantFull = async (connection: ScriptedConnection) => {
      await connection.receive();
      connection.send(encodeAuthMoreData({ data: Buffer.from([4]) }));
      const password = await connection.receive();
      if (password.toString() === `${PASSWORD}\0`) connection.send(OK);
    };
    await against(switchTo('caching_sha2_password', wantFull), async (upstream) => {
      const login = loginTo(upstream.port);
      await assert.rejects(login, failsWith('target-refused', /needs TLS/));
      assert.ok(!upstream.connections[0]?.plaintext.includes(PASSWORD));
    });
    await against(
      async (connection) => {
        connection.send(greeting({ authPlugin: 'caching_sha2_password' }));
        await connection.receive();
        await connection.startTls(certificate.keyPem, certificate.chainPem);
        await wantFull(connection);
      },
      async ({ port }) => {
        const { socket } = await loginTo(port, { tls: verified() });
        socket.destroy();
      },
    );
  });

  it('sends a clear password only over verified TLS and when the caller allows it', async () => {
    const overTls = async (connection: ScriptedConnection) => {
      connection.send(greeting());
      await connection.receive();
      await connection.startTls(certificate.keyPem, certificate.chainPem);
      await connection.receive();
      const data = Buffer.alloc(0);
      connection.send(encodeAuthSwitch({ plugin: 'mysql_clear_password', data }));
      const password = await connection.receive();
      if (password.toString() === `${PASSWORD}\0`) connection.send(OK);
    };
    const skipped: TlsChoice = { mode: 'insecureSkipVerify' };
    await against(overTls, async ({ port }) => {
      const allowed = { tls: verified(), allowClearPassword: true };
      (await loginTo(port, allowed)).socket.destroy();
      for (const refused of [{ tls: verified() }, { tls: skipped, allowClearPassword: true }]) {
        await assert.rejects(loginTo(port, refused), failsWith('target-refused', /in the clear/));
      }
    });
    await against(
      switchTo('mysql_clear_password', async () => undefined),
      async ({ port }) => {
        const login = loginTo(port, { allowClearPassword: true });
        await assert.rejects(login, failsWith('target-refused', /in the clear/));
      },
    );
  });

  it('refuses plugins it does not know, a second switch, and the passwords of before 4.1', async () => {
    const refuses = (plugin: string, error: ReturnType<typeof failsWith>) =>
      against(
        switchTo(plugin, async (connection) => {
          await connection.receive();
          connection.send(encodeAuthSwitch({ plugin: 'mysql_native_password', data: reversed }));
        }),
        ({ port }) => assert.rejects(loginTo(port), error),
      );
    await refuses('client_ed25519', failsWith('target-refused', /client_ed25519 is unknown/));
    await refuses('caching_sha2_password', failsWith('unexpected-message', /AuthSwitchRequest/));
    await against(
      async (connection) => {
        connection.send(greeting());
        await connection.receive();
        connection.send(Buffer.from([0xfe]));
      },
      ({ port }) => assert.rejects(loginTo(port), failsWith('malformed-message', /old_password/)),
    );
  });
});
