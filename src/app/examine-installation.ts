// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Readiness } from '../api/contract.ts';
import type { Settings } from '../config/settings.ts';
import { parseCertificates } from '../identity/trust-bundles.ts';
import type { Clock } from '../model/clock.ts';
import { formatDuration } from '../model/duration.ts';
import { problemText, toPosternError } from '../model/errors.ts';
import { silentLog } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { Material, Policy, Target } from '../policy/policy.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import { lookoutsOf } from './drift-lookouts.ts';
import { readMaterial } from './material.ts';
import { serveProblems } from './serve-check.ts';
import { routeOf } from './target-routes.ts';

/** One thing that was looked at. `warning`: it works, and will not for ever or not as meant. */
export interface HealthCheck {
  readonly what: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly text: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A certificate is due when less of its life is left, and no longer than this many days. */
const DUE_SHARE = 0.2;
const DUE_MS = 30 * 86_400_000;
/** Tokens and certificates are judged by clocks; more than this shows in logins. */
const CLOCK_SKEW_MS = 5_000;
const GATEWAY_DEADLINE_MS = 3_000;

/** Everything that has to be right for these settings and this declaration. Never rejects. */
export async function examineInstallation(
  settings: Settings,
  policy: Policy,
  clock: Clock,
): Promise<readonly HealthCheck[]> {
  const databases = [...policy.targets.values()].filter(({ system }) => 'endpoints' in system);
  const lookouts = lookoutsOf(policy, settings, clock, silentLog);
  const [gateway, reached, drift] = await Promise.all([
    gatewayCheck(settings),
    Promise.all(databases.map((target) => databaseCheck(target, settings, clock))),
    Promise.all(lookouts.map(driftCheck)),
  ]);
  return [
    ...fileChecks(settings, policy),
    ...certificateChecks(settings, policy, clock.now()),
    ...reached,
    ...drift,
    ...gateway,
  ];
}

function fileChecks(settings: Settings, policy: Policy): readonly HealthCheck[] {
  const problems = serveProblems(settings, policy);
  const all = [...problems.settings, ...problems.files];
  if (all.length === 0)
    return [{ what: 'files', state: 'good', text: 'all are there and readable' }];
  return all.map((text) => ({ what: 'files', state: 'bad', text }));
}

function certificateChecks(settings: Settings, policy: Policy, nowMs: number) {
  const files: [string, Material][] = (['tls', 'mesh'] as const).flatMap((section) => {
    const path = settings[section]?.certificate;
    return path === undefined ? [] : [[section, { from: 'file', path }] as [string, Material]];
  });
  for (const { name, bundle } of policy.clusters.values()) {
    files.push([`Cluster/${name} bundle`, bundle]);
  }
  for (const { id, system } of policy.targets.values()) {
    if (!('tls' in system) || system.tls.mode !== 'verified') continue;
    files.push([`Target/${id} ca`, system.tls.ca]);
    if (system.tls.clientCertificate) {
      files.push([`Target/${id} client certificate`, system.tls.clientCertificate.cert]);
    }
  }
  // What cannot be read is told among the files.
  return files.flatMap(([what, material]) =>
    certificatesOf(material).map((one) => ends(what, one, nowMs)),
  );
}

function certificatesOf(material: Material): readonly X509Certificate[] {
  try {
    return parseCertificates(
      material.from === 'file' ? readFileSync(material.path, 'utf8') : readMaterial(material),
    );
  } catch {
    return [];
  }
}

function ends(what: string, certificate: X509Certificate, nowMs: number): HealthCheck {
  const [from, until] = [certificate.validFrom, certificate.validTo].map((text) =>
    Date.parse(text),
  );
  const leftMs = (until ?? 0) - nowMs;
  const name = certificate.subject?.replaceAll('\n', ', ') || 'no subject';
  if (leftMs <= 0) return { what, state: 'bad', text: `${name} ended ${certificate.validTo}` };
  if ((from ?? 0) > nowMs) {
    return {
      what,
      state: 'bad',
      text: `${name} begins ${certificate.validFrom}: is the clock right?`,
    };
  }
  const dueMs = Math.min(DUE_MS, DUE_SHARE * ((until ?? 0) - (from ?? 0)));
  const text = `${name} ends in ${formatDuration(rounded(leftMs))}`;
  if (leftMs >= dueMs) return { what, state: 'good', text };
  return { what, state: 'warning', text, hint: 'Is whatever renews it still running?' };
}

function rounded(ms: number): number {
  const unit = ms > 2 * 86_400_000 ? 86_400_000 : ms > 7_200_000 ? 3_600_000 : 60_000;
  return Math.max(60_000, Math.floor(ms / unit) * unit);
}

/** As the gateway logs in to lend. */
async function databaseCheck(
  target: Target,
  settings: Settings,
  clock: Clock,
): Promise<HealthCheck> {
  const what = `Target/${target.id}`;
  const { system } = target;
  if (!('endpoints' in system)) return { what, state: 'bad', text: 'it is no MariaDB or MySQL' };
  try {
    const connection = await openAdminConnection({
      ...routeOf(target, system, settings.limits.targetTimeout, clock)(),
      user: system.broker.user,
      password: new Secret(readMaterial(system.broker.password).trim()),
    });
    try {
      const { rows } = await connection.query('SELECT UNIX_TIMESTAMP(NOW(3))');
      const skewMs = Math.round(Number(rows[0]?.[0]) * 1_000 - clock.now());
      const text = `reached as the broker, ${connection.serverVersion}`;
      if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return { what, state: 'good', text };
      const hint = 'Let both follow a time server: tokens and certificates are judged by clocks.';
      return { what, state: 'warning', text: `its clock differs by ${skewMs} ms`, hint };
    } finally {
      await connection.close();
    }
  } catch (thrown) {
    const { code, message } = toPosternError(thrown);
    const refused = code === 'target-refused';
    const hint = `postern bootstrap ${target.name}`;
    return { what, state: 'bad', text: message, ...(refused && { hint }) };
  }
}

async function driftCheck(lookout: ReturnType<typeof lookoutsOf>[number]): Promise<HealthCheck> {
  const what = `drift of ${lookout.where}`;
  try {
    const found = await lookout.examine();
    if (found.length === 0) return { what, state: 'good', text: 'as declared' };
    const outdated = found.some(({ code }) => code === 'registry-outdated');
    const hint = outdated ? 'postern bootstrap' : 'postern drift';
    const codes = [...new Set(found.map(({ code }) => code))].join(', ');
    return { what, state: 'warning', text: `${found.length} not as declared: ${codes}`, hint };
  } catch (thrown) {
    const { message, facts } = toPosternError(thrown);
    const hint = facts['hint'];
    return { what, state: 'bad', text: message, ...(hint !== undefined && { hint: String(hint) }) };
  }
}

/** What a gateway with these settings says of itself, where it can be asked without a token. */
async function gatewayCheck({ observability }: Settings): Promise<readonly HealthCheck[]> {
  const { address } = observability;
  if (!address || address.port === 0) return [];
  const what = 'gateway';
  const at = `http://${address.host}:${address.port}/readyz`;
  try {
    const { ready, targets, auditAccepting } = await readiness(address);
    if (ready) return [{ what, state: 'good', text: `${at} is ready` }];
    const problems = Object.entries(targets).flatMap(([id, { problem }]) =>
      problem === undefined ? [] : [`${id}: ${problem}`],
    );
    if (!auditAccepting) problems.unshift('its audit cannot be written');
    return [{ what, state: 'bad', text: `${at} is not ready: ${problems.join('; ')}` }];
  } catch (thrown) {
    const text = `nothing answers at ${at}: ${problemText(thrown)}`;
    return [{ what, state: 'warning', text, hint: 'postern serve' }];
  }
}

function readiness({ host, port }: { host: string; port: number }): Promise<Readiness> {
  return new Promise((resolve, reject) => {
    const options = { host, port, path: '/readyz', timeout: GATEWAY_DEADLINE_MS };
    const sent = request(options, async (response) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        resolve(JSON.parse(Buffer.concat(chunks).toString()) as Readiness);
      } catch (cause) {
        reject(cause);
      }
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end();
  });
}
