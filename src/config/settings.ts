// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { parseDuration } from '../model/duration.ts';

/** `15s` -> milliseconds. */
const durationText = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined) {
    context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 30s` });
    return z.NEVER;
  }
  return ms;
});

export const duration = (byDefault: string) => durationText.prefault(byDefault);

/** `64MiB` -> bytes. */
const size = (byDefault: string) =>
  z
    .string()
    .default(byDefault)
    .transform((text, context) => {
      const found = /^(\d+)(B|KiB|MiB|GiB)$/.exec(text);
      if (!found) {
        context.addIssue({ code: 'custom', message: `"${text}" is not a size such as 64MiB` });
        return z.NEVER;
      }
      const unit =
        { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }[found[2] ?? ''] ?? Number.NaN;
      return Number(found[1]) * unit;
    });

/** `127.0.0.1:3306` or `[::1]:3306`; port 0 takes a free one. */
export const address = z.string().transform((text, context) => {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3] ?? Number.NaN);
  if (!found || port > 65_535) {
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not an address such as 0.0.0.0:3306`,
    });
    return z.NEVER;
  }
  return { host: found[1] ?? found[2] ?? '', port };
});

/** `unix:/run/postern/orders.sock`, or an address as above. */
const listenAddress = z.union([
  z
    .string()
    .regex(/^unix:./)
    .transform((text) => ({ path: text.slice('unix:'.length) })),
  address,
]);

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1)$/;

export const certificateFiles = z
  .strictObject({
    certificate: z.string().describe('PEM file: the leaf, then its intermediates.'),
    key: z.string().describe('PEM file with the private key of the leaf.'),
  })
  .describe('A certificate and its key; both files are watched and swapped together.');

const listenerFields = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe('Shown in logs and metrics.'),
  address: listenAddress.describe(
    'Where to listen: `host:port`, or `unix:PATH` in a directory that is private to one user.',
  ),
  protocol: z.literal('mysql').describe('The wire protocol.'),
  accept: z
    .enum(['MeshTls', 'ProtocolTls', 'Plain', 'ProxyV2'])
    .describe(
      'MeshTls: TLS first, the workload certificate is the identity. ProtocolTls: the protocol asks for TLS itself, the identity is a client certificate, a ticket or a token. Plain: no TLS, tickets only; on a Unix socket or loopback. ProxyV2: a proxy in front says who calls, in a PROXY header; on a Unix socket, or loopback of a network namespace of its own.',
    ),
  proxy: z
    .strictObject({
      cluster: z.string().describe('The Cluster whose mesh the proxy in front belongs to.'),
      ownNetworkNamespace: z
        .boolean()
        .default(false)
        .describe(
          'States that nothing but Postern and that proxy is in the network namespace; loopback needs it.',
        ),
    })
    .optional()
    .describe('For accept: ProxyV2, and required there.'),
  target: z
    .string()
    .optional()
    .describe('Target this listener stands for (`namespace/name`); without it the SNI decides.'),
});

const listener = listenerFields.superRefine(({ accept, address, proxy }, context) => {
  const fault = (key: string, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message });
  const local = 'path' in address || LOOPBACK.test(address.host);
  if (accept === 'Plain' && !local) {
    fault('address', 'accept: Plain has no TLS: it needs 127.0.0.1, [::1] or unix:PATH');
  }
  if (accept !== 'ProxyV2') {
    if (proxy) fault('proxy', 'only a listener with accept: ProxyV2 believes a proxy');
    return;
  }
  if (!proxy) fault('proxy', 'accept: ProxyV2 needs proxy: {cluster: NAME}');
  if (!local) {
    fault('address', 'a PROXY header is not signed: it needs unix:PATH, or 127.0.0.1 or [::1]');
  } else if (proxy && !('path' in address) && !proxy.ownNetworkNamespace) {
    fault(
      'proxy',
      'anybody in this network namespace could send a PROXY header: use unix:PATH, or state ownNetworkNamespace: true',
    );
  }
});

const otlp = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/ })
      .describe(
        'Base address of an OTLP/HTTP collector; `/v1/traces` and `/v1/metrics` follow it.',
      ),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9-]+$/),
        z.union([z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })]),
      )
      .default({})
      .describe('Headers of every export; values are `{file}` or `{env}`, read anew each time.'),
    ca: z
      .string()
      .optional()
      .describe('PEM file of the authority of an https collector; default: those of Node.'),
    timeout: duration('5s').describe('An export that takes longer is given up.'),
    traces: z.boolean().default(true).describe('Export spans.'),
    sampleRatio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe(
        'Share of the traces that begin here; a caller that states one has decided itself.',
      ),
    metrics: z.boolean().default(false).describe('Export what /metrics shows.'),
    interval: duration('60s').describe('Between two exports of metrics.'),
  })
  .describe('Traces and metrics for OpenTelemetry.');

/** Every setting of `postern serve`: type, default, meaning and check in one place. */
export const settingsSchema = z.strictObject({
  instance: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('postern')
    .describe('Name of this installation: in audit streams and in the names of lease accounts.'),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(64)])
    .default('auto')
    .transform((value) => (value === 'auto' ? Math.min(64, availableParallelism()) : value))
    .describe(
      'Processes that serve connections; `auto`: one per processor. With 1 a single process does everything.',
    ),
  policy: z
    .union([z.string(), z.array(z.string()).min(1)])
    .default('./policy')
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .describe('Files and directories with the declaration.'),
  listeners: z.array(listener).min(1).describe('Ports that principals connect to.'),
  tls: certificateFiles.optional().describe('Server certificate of ProtocolTls listeners.'),
  mesh: certificateFiles.optional().describe('Workload certificate of MeshTls listeners (SVID).'),
  audit: z
    .strictObject({
      directory: z.string().default('./audit').describe('Where segments, heads and revisions go.'),
      signingKey: z
        .string()
        .default('./audit-signing-key.pem')
        .describe('Ed25519 key of the signed heads; made on first start, read only by the signer.'),
      hashKey: z
        .string()
        .default('./audit-hash-key')
        .describe(
          'Keys of the hashes of statements, one per line; made on first start. A line added at the end is the new key.',
        ),
      witness: z
        .string()
        .refine(
          (place) => !/^(?!https:)[a-z]+:\/\//.test(place),
          'a collector is reached by https:',
        )
        .optional()
        .describe(
          'Second place for signed heads: a file (better on another disk), `stdout` for a log collector, or an `https:` URL that takes JSON lines by POST.',
        ),
      witnessToken: z
        .string()
        .optional()
        .describe('File with the bearer token for the `https:` witness.'),
      witnessCa: z
        .string()
        .optional()
        .describe('PEM file with the authorities of the `https:` witness; default: those of Node.'),
      retention: durationText
        .optional()
        .describe(
          'No record is kept longer, and one that names no declared Target so long. Without it: as Targets say, and the longest of them.',
        ),
      reserve: size('8MiB').describe('Disk space kept for outcomes that are owed when it is full.'),
      segment: size('256MiB').describe('A segment is closed at this size.'),
    })
    .prefault({})
    .describe('The audit.'),
  administration: z
    .strictObject({
      socket: z.string().default('./postern.sock').describe('Unix socket of the built-in Target.'),
    })
    .prefault({})
    .describe('Where `postern sessions` and others reach this gateway.'),
  observability: z
    .strictObject({
      address: address.optional().describe('Plain HTTP for /healthz, /readyz and /metrics.'),
      otlp: otlp.optional(),
    })
    .prefault({})
    .describe('Health, readiness, metrics and traces.'),
  limits: z
    .strictObject({
      requestBytes: size('64MiB').describe('Largest single request.'),
      bufferBytes: size('512MiB').describe('All requests being collected in this process.'),
      handshakes: z
        .int()
        .min(1)
        .default(2000)
        .describe('Logins under way at one time; as many more may wait for each target.'),
      handshakesPerSource: z
        .int()
        .min(1)
        .default(500)
        .describe(
          'The same from one IPv4 address or IPv6 /64 network, once half of `handshakes` are taken.',
        ),
      handshakeTimeout: duration('10s').describe('A login that takes longer is ended.'),
      targetTimeout: duration('5s').describe('Connecting and logging in at a target.'),
      analysisCache: z.int().min(0).default(20_000).describe('Statements whose analysis is kept.'),
    })
    .prefault({})
    .describe('What one process will carry.'),
  tickets: z
    .strictObject({
      maxTtl: duration('1h').describe('No ticket lives longer, whatever `--ttl` asks for.'),
    })
    .prefault({})
    .describe('Tickets of `postern ticket`.'),
  lease: z
    .strictObject({
      idle: duration('10m').describe('A lease account unused for so long is dropped.'),
      warm: z
        .strictObject({
          idle: duration('1m').describe('One that waits longer is closed.'),
          perLease: z.int().min(0).default(8).describe('For one lease; 0 keeps none at all.'),
          total: z.int().min(0).default(128).describe('In one process, for all leases.'),
        })
        .prefault({})
        .describe('Upstream connections kept after a session for the next one of the same lease.'),
    })
    .prefault({})
    .describe('Lease accounts.'),
  drift: z
    .strictObject({
      interval: duration('5m').describe(
        'Between two looks at each Target with a `mariadb.reader` and each cluster, a fifth more or less; `0s`: never.',
      ),
      clusters: z
        .array(
          z.strictObject({
            name: z.string().describe('A declared Cluster with `istio`.'),
            kubeconfig: z
              .string()
              .optional()
              .describe(
                'How its API server is reached; without it: the service account of the pod.',
              ),
            context: z
              .string()
              .optional()
              .describe('Context of the kubeconfig; by default the one of the name.'),
          }),
        )
        .default([])
        .describe('Clusters that are looked at and watched; the right to read is enough.'),
    })
    .prefault({})
    .describe('Looking for what is not as declared while serving.'),
  drain: z
    .strictObject({
      timeout: duration('25s').describe(
        'After SIGTERM sessions may finish for so long; stopping takes up to 5 s more.',
      ),
    })
    .prefault({})
    .describe('Stopping.'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severity.'),
    })
    .prefault({})
    .describe('JSON lines on standard error.'),
});

export type Settings = z.output<typeof settingsSchema>;
export type OtlpSettings = z.output<typeof otlp>;
export type ListenerSettings = Settings['listeners'][number];
