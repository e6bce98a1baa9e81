// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { before, describe, it } from 'node:test';
import { createSecureContext, type SecureContext } from 'node:tls';
import { acceptLogin, type Login } from '../../src/gateway/mysql/accept.ts';
import { LoginChannel } from '../../src/gateway/mysql/login-channel.ts';
import { offeredCapabilities } from '../../src/gateway/mysql/negotiation.ts';
import type { GatewayParts } from '../../src/gateway/parts.ts';
import type { IdentityResult } from '../../src/identity/result.ts';
import { systemClock } from '../../src/model/clock.ts';
import { PosternError } from '../../src/model/errors.ts';
import { createAuthority } from '../support/certs.ts';
import { Random } from '../support/random.ts';
import { loginResponse, packet, sslRequest } from '../support/raw-mysql.ts';
import { fuzzOptions } from './fuzz.ts';
import { mutate } from './mutate.ts';

const { seed, durationMs } = fuzzOptions(process.env);
const GOOD_TOKEN = 'the.only.good-token';
const meter = { connectionFailed: () => undefined };
const SOMEBODY = { ok: true, principal: { id: 'workload/prod/a/b' } } as unknown as IdentityResult;

/** How a login that is not understood may end. */
const EXPECTED = new Set([
  'malformed-message',
  'unexpected-message',
  'peer-closed',
  'tls-failed',
  'timeout',
]);

/** Conversations as they are when all is well: packets in the order they are sent. */
const PLAIN = [packet(loginResponse({ database: 'shop' }), 1)];
const WITH_TOKEN = [...PLAIN, packet(Buffer.from(`${GOOD_TOKEN}\0`), 3)];
const WITH_TLS = [packet(sslRequest(), 1), Buffer.from('16030100050100000100', 'hex')];

/** The gateway's end of a connection whose other end is the fuzzer. */
class Peer extends Duplex {
  written = 0;

  override _read(): void {
    // `say` pushes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written += chunk.length;
    done();
  }

  say(chunk: Buffer | null): void {
    if (!this.destroyed && !this.readableEnded) this.push(chunk);
  }
}

/** As after a TLS handshake: then a token is asked for. */
class EncryptedChannel extends LoginChannel {
  override get encrypted(): boolean {
    return true;
  }
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

interface Front {
  readonly name: string;
  readonly conversation: readonly Buffer[];
  readonly encrypted: boolean;
  readonly settled?: IdentityResult;
  readonly tls?: boolean;
}

const FRONTS: readonly Front[] = [
  { name: 'settled', conversation: PLAIN, encrypted: true, settled: SOMEBODY },
  { name: 'token', conversation: WITH_TOKEN, encrypted: true },
  { name: 'plaintext', conversation: WITH_TOKEN, encrypted: false },
  { name: 'start of TLS', conversation: WITH_TLS, encrypted: false, tls: true },
];

describe('gateway login fuzzing', () => {
  let secureContext: SecureContext;
  before(async () => {
    const authority = await createAuthority();
    const { chainPem, keyPem } = await authority.issue({ dnsNames: ['localhost'] });
    secureContext = createSecureContext({ cert: chainPem, key: keyPem });
  });

  async function attempt(front: Front, input: Buffer, random: Random): Promise<Login | undefined> {
    const peer = new Peer();
    const verified: string[] = [];
    const identity = {
      verifyToken: (token: { reveal(): string }) => {
        verified.push(token.reveal());
        return Promise.resolve(
          token.reveal() === GOOD_TOKEN ? SOMEBODY : { ok: false, reason: 'token-malformed' },
        );
      },
    };
    const Channel = front.encrypted ? EncryptedChannel : LoginChannel;
    const channel = new Channel(peer as unknown as Socket, systemClock, 5_000);
    const login = acceptLogin(channel, { identity, meter } as unknown as GatewayParts, {
      serverVersion: '10.11.1-MariaDB',
      charset: 45,
      connectionId: 1,
      target: 'data/orders',
      listener: 'fuzz',
      offered: offeredCapabilities(0xffff_ffffn),
      ...(front.settled && { settled: front.settled }),
      ...(front.tls && { secureContext }),
    });
    // Seen as handled at once: it may fail while the rest is still being said.
    const settled = login.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    for (let at = 0; at < input.length; ) {
      const end = at + 1 + random.below(random.chance(0.3) ? 4 : input.length);
      peer.say(input.subarray(at, end));
      at = end;
      if (random.chance(0.5)) await tick();
    }
    peer.say(null);
    await tick();
    peer.destroy();
    const outcome = await settled;
    channel.socket.destroy();
    if ('error' in outcome) {
      const { error } = outcome;
      if (error instanceof PosternError && EXPECTED.has(error.code)) return undefined;
      throw error;
    }
    const { value } = outcome;
    if (front.settled) assert.equal(value.identity, SOMEBODY);
    else if (front.encrypted) {
      assert.equal(value.identity.ok, verified[0] === GOOD_TOKEN);
    } else {
      assert.deepEqual([value.identity.ok, verified], [false, []], 'a token was taken without TLS');
    }
    return value;
  }

  for (const front of FRONTS) {
    it(front.name, async (context) => {
      const random = new Random(seed);
      const whole = Buffer.concat(front.conversation);
      const end = performance.now() + durationMs / 2;
      let inputs = 0;
      let understood = 0;
      while (performance.now() < end || inputs === 0) {
        const input = inputs === 0 ? whole : mutate(random, [whole, ...front.conversation]);
        const begun = performance.now();
        try {
          if (await attempt(front, input, random)) understood += 1;
        } catch (cause) {
          const problem = `${front.name}, seed ${seed}, input ${input.toString('hex')}`;
          throw new Error(problem, { cause });
        }
        const took = performance.now() - begun;
        assert.ok(took < 2_000, `${took} ms, seed ${seed}, input ${input.toString('hex')}`);
        inputs += 1;
      }
      context.diagnostic(`${inputs} inputs, ${understood} understood, seed ${seed}`);
    });
  }
});
