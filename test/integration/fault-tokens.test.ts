// SPDX-License-Identifier: Apache-2.0
import { doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RowDataPacket } from 'mysql2/promise';
import { refusalText } from '../../src/identity/refusal-text.ts';
import type { DenialReason } from '../../src/model/decision.ts';
import { withToken } from '../support/drivers.ts';
import { auditRecords, filesBelow, memoryLog, newRecords, recordsOf } from '../support/evidence.ts';
import { loginResponse, loginToToken, RawMysql } from '../support/raw-mysql.ts';
import { SigningKey } from '../support/token-maker.ts';
import { World } from '../support/world.ts';

/** By the reason alone: nothing of what is declared, nothing of the detail. */
const refusalOf = (reason: DenialReason, id: string | undefined) =>
  `Postern: ${refusalText(reason)}. Decision ${id}: postern explain ${id}`;

describe('bad tokens at the gateway', () => {
  let world: World;
  const log = memoryLog();
  const used: string[] = [];
  const audit = () => world.path('audit');
  before(async () => {
    world = await World.start({ log });
  });
  after(() => world.stop());

  const nowSeconds = () => Math.floor(Date.now() / 1000);
  const claims = (more: Record<string, unknown> = {}) => ({
    aud: 'postern',
    sub: 'mallory',
    groups: ['analysts'],
    ...more,
  });

  /** One refused login: what the peer hears, what the audit knows, what was not done. */
  async function refused(token: string, reason: DenialReason, detail: RegExp): Promise<void> {
    used.push(token);
    const before = recordsOf(audit(), 'login-denied').length;
    const leases = leaseRecords();
    const raw = await loginToToken(world.port('token'), world.serverCa.certPem);
    raw.send(Buffer.from(`${token}\0`), 4);
    const err = await raw.readErr();
    equal(err.errno, 1045);
    equal(err.sqlState, '28000');
    await raw.ended();
    const [record, ...more] = await newRecords(audit(), 'login-denied', before);
    equal(more.length, 0);
    equal(record?.reason, reason);
    match(record?.detail ?? '', detail);
    equal(record?.target, 'data/orders');
    equal(err.message, refusalOf(reason, record?.id));
    equal(leaseRecords(), leases, 'a lease was made');
  }

  const leaseRecords = () =>
    auditRecords(audit()).filter((one) => one.event === 'gateway' && one.what === 'lease').length;

  it('refuses another issuer, audience, key id and signature', async () => {
    const stranger = new SigningKey();
    const { issuer } = world.idp;
    await refused(
      world.idp.token(claims({ iss: 'https://idp.evil.example' })),
      'token-issuer-unknown',
      /"https:\/\/idp\.evil\.example".*declared are/,
    );
    await refused(
      world.idp.token(claims({ iss: `${issuer}/` })),
      'token-issuer-unknown',
      /differs only in a detail/,
    );
    await refused(
      world.idp.token(claims({ aud: ['another', 'https://database.windows.net/'] })),
      'token-audience',
      /"another".*accepts "postern"/,
    );
    const foreign = { iss: issuer, iat: nowSeconds(), exp: nowSeconds() + 600, ...claims() };
    await refused(stranger.sign(foreign), 'token-key-unknown', new RegExp(stranger.kid));
    await refused(
      stranger.sign(foreign, { kid: world.idp.key.kid }),
      'token-signature',
      /not by key .* of IdentityProvider people/,
    );
    const [head = '', body = '', signature = ''] = world.token('mallory', ['analysts']).split('.');
    const forged = Buffer.from(
      JSON.stringify({
        ...JSON.parse(Buffer.from(body, 'base64url').toString()),
        groups: ['operators'],
      }),
    ).toString('base64url');
    await refused([head, forged, signature].join('.'), 'token-signature', /signature/);
  });

  it('refuses expired and not yet valid ones, and those without an end', async () => {
    await refused(
      world.idp.token(claims({ exp: nowSeconds() - 120 })),
      'token-expired',
      /the token ended at \d{4}-/,
    );
    await refused(
      world.idp.token(claims({ nbf: nowSeconds() + 600 })),
      'token-not-yet-valid',
      /the token starts at \d{4}-.*clock/,
    );
    await refused(
      world.idp.token(claims({ exp: undefined })),
      'token-claims',
      /when it was issued and when it ends/,
    );
  });

  it('refuses the classic lies: alg none, HS256 with the public key, a key of its own', async () => {
    await refused(world.idp.token(claims(), { alg: 'none' }), 'token-algorithm', /"none"/);
    await refused(world.idp.token(claims(), { alg: 'HS256' }), 'token-algorithm', /"HS256"/);
    const own = new SigningKey();
    const asked = world.idp.requests.length;
    const hostile = own.sign(
      { iss: world.idp.issuer, iat: nowSeconds(), exp: nowSeconds() + 600, ...claims() },
      {
        kid: world.idp.key.kid,
        header: { jku: `${world.idp.issuer}/keys`, jwk: own.jwk(), x5u: 'https://evil.example' },
      },
    );
    await refused(hostile, 'token-signature', /signature/);
    equal(world.idp.requests.length, asked, 'a key was fetched because the token said so');
    await refused('not-a-token', 'token-malformed', /three parts/);
    await refused('a.b.c.d.e', 'token-malformed', /encrypted/);
  });

  it('refuses a token of more than 16 KiB, and one that is larger than any login', async () => {
    await refused(
      world.idp.token(claims({ padding: 'x'.repeat(17_000) })),
      'token-oversize',
      /limit is 16384/,
    );
    await refused(`huge.${'x'.repeat(80_000)}.huge`, 'token-oversize', /limit is/);
  });

  it('tells groups that are missing or not listed from groups that give nothing', async () => {
    const { groups: _, ...noGroups } = claims();
    for (const [token, reason] of [
      [world.idp.token({ ...noGroups, groups: [] }), 'no-grant'],
      [world.idp.token(noGroups), 'groups-unknown'],
      [world.idp.token({ ...noGroups, _claim_names: { groups: 'src1' } }), 'groups-unknown'],
    ] as const) {
      used.push(token);
      const before = recordsOf(audit(), 'login-denied').length;
      const raw = await loginToToken(world.port('token'), world.serverCa.certPem);
      raw.send(Buffer.from(`${token}\0`), 4);
      match((await raw.readErr()).message, /^Postern: .*Decision d\w+-\w+: postern explain/);
      const [record] = await newRecords(audit(), 'login-denied', before);
      equal(record?.reason, reason);
      equal(record?.principal, 'user/people/mallory');
    }
  });

  it('refuses an empty password and a login without TLS, which never carries a token', async () => {
    await refused('', 'anonymous', /give the token as the password/);
    const before = recordsOf(audit(), 'login-denied').length;
    const raw = await RawMysql.open(world.port('token'));
    await raw.read();
    raw.send(loginResponse(), 1);
    const err = await raw.readErr();
    equal(err.errno, 1045);
    await raw.ended();
    const [record] = await newRecords(audit(), 'login-denied', before);
    equal(record?.reason, 'anonymous');
    match(record?.detail ?? '', /did not ask for TLS/);
    equal(err.message, refusalOf('anonymous', record?.id));
  });

  it('goes on with the keys it knows while the provider is gone', async () => {
    const known = world.idp.key;
    const fresh = world.idp.rotate();
    world.idp.fault = 'down';
    const good = { iss: world.idp.issuer, iat: nowSeconds(), exp: nowSeconds() + 600, ...claims() };
    await refused(fresh.sign(good), 'token-key-unknown', new RegExp(fresh.kid));
    const connection = await withToken(world, known.sign({ ...good, sub: 'ada' }));
    const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
    await connection.end();
    world.idp.fault = undefined;
    world.idp.withdraw(fresh.kid);
  });

  it('wrote no token anywhere, and works as before for the honest', async () => {
    const secrets = used.filter((token) => token.length > 20);
    ok(secrets.length > 10);
    const printed = log.lines.join('\n');
    for (const [place, text] of [...filesBelow(audit()), ['log', printed] as const]) {
      for (const token of secrets) {
        ok(!text.includes(token), `${place} has a token`);
        const signature = token.split('.').at(-1) ?? '';
        if (signature.length > 20) ok(!text.includes(signature), `${place} has a signature`);
      }
    }
    doesNotMatch(printed, /eyJ/);
    const honest = world.idp.token(claims({ sub: 'ada' }));
    const connection = await withToken(world, honest);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
    await connection.end();
  });
});
