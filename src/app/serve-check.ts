// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import type { ListenerSettings, Settings } from '../config/settings.ts';
import { parseCertificates } from '../identity/trust-bundles.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { readCertificatePair } from '../net/certificate-files.ts';
import type { Material, Policy, Target } from '../policy/policy.ts';
import { readMaterial } from './material.ts';

/** What `serve` would only find out later, one text each with what it concerns. */
export interface ServeProblems {
  /** In the settings: to be edited. */
  readonly settings: readonly string[];
  /** Files that are not there, or are not what they should be. */
  readonly files: readonly string[];
}

/** Reads every file that `serve` will need with these settings and this declaration. */
export function serveProblems(settings: Settings, policy: Policy): ServeProblems {
  const sections = (['tls', 'mesh'] as const).flatMap((section) =>
    withoutSection(settings, section),
  );
  const pairs = (['tls', 'mesh'] as const).flatMap((section) => {
    const paths = settings[section];
    const pair = paths && readCertificatePair(paths);
    return !pair || pair.ok ? [] : [`${section}: ${pair.file}: ${pair.problem}`];
  });
  const bundles = [...policy.clusters.values()].flatMap(({ name, bundle }) =>
    unfit(`Cluster/${name} bundle`, bundle, parseCertificates),
  );
  const reviews = [...policy.clusters.values()].flatMap(({ name, serviceAccountTokens }) => {
    const review = serviceAccountTokens?.tokenReview;
    if (!review) return [];
    return [
      ...unfit(`Cluster/${name} tokenReview ca`, review.ca, parseCertificates),
      ...unfit(`Cluster/${name} tokenReview token`, review.token),
    ];
  });
  const providers = [...policy.providers.values()].flatMap(({ name, ca }) =>
    ca ? unfit(`IdentityProvider/${name} ca`, ca, parseCertificates) : [],
  );
  const targets = [...policy.targets.values()].flatMap(filesOfTarget);
  return {
    settings: [
      ...sections,
      ...idleListeners(settings.listeners, policy),
      ...unknownClusters(settings, policy),
    ],
    files: [...pairs, ...bundles, ...reviews, ...providers, ...targets],
  };
}

/** Listeners whose fixed Target or Cluster is not declared: every login there would be denied. */
export function idleListeners(
  listeners: readonly ListenerSettings[],
  policy: Policy,
): readonly string[] {
  return listeners.flatMap(({ name, target, proxy }) => {
    const unknown = (kind: string, wanted: string, known: ReadonlyMap<string, unknown>) =>
      known.has(wanted)
        ? []
        : [
            `listener ${name}: there is no ${kind} ${wanted}; declared: ${[...known.keys()].join(', ')}`,
          ];
    return [
      ...(target === undefined ? [] : unknown('Target', target, policy.targets)),
      ...(proxy === undefined ? [] : unknown('Cluster', proxy.cluster, policy.clusters)),
    ];
  });
}

function unknownClusters({ drift }: Settings, { clusters }: Policy): readonly string[] {
  return drift.clusters
    .filter(({ name }) => clusters.get(name)?.istio === undefined)
    .map(({ name }) => `drift.clusters: there is no Cluster ${name} with "istio"`);
}

function withoutSection(settings: Settings, section: 'tls' | 'mesh'): readonly string[] {
  const accept = section === 'tls' ? 'ProtocolTls' : 'MeshTls';
  return settings.listeners
    .filter((listener) => listener.accept === accept && !settings[section])
    .map(({ name }) => `listener ${name}: it needs "${section}: {certificate, key}"`);
}

function filesOfTarget({ id, system }: Target): readonly string[] {
  if (system.type !== 'mariadb' && system.type !== 'mysql') return [];
  const { tls, broker } = system;
  const found = unfit(`Target/${id} broker password`, broker.password, (text) => {
    if (text.trim() === '') throw new Error('it is empty');
  });
  if (tls.mode !== 'verified') return found;
  const { ca, clientCertificate } = tls;
  return [
    ...found,
    ...unfit(`Target/${id} ca`, ca, parseCertificates),
    ...(clientCertificate
      ? unfit(
          `Target/${id} client certificate`,
          clientCertificate.cert,
          (pem) => new X509Certificate(pem),
        )
      : []),
    ...(clientCertificate ? unfit(`Target/${id} client key`, clientCertificate.key) : []),
  ];
}

function unfit(
  what: string,
  material: Material,
  read: (text: string) => unknown = () => undefined,
): readonly string[] {
  try {
    read(readMaterial(material));
    return [];
  } catch (thrown) {
    if (thrown instanceof PosternError) return [`${what}: ${thrown.message}`];
    const where = material.from === 'env' ? `$${material.name}` : material.path;
    return [`${what}: ${where}: ${problemText(thrown)}`];
  }
}
