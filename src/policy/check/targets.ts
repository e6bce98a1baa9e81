// SPDX-License-Identifier: Apache-2.0
import { type MysqlSpec, TARGET_FORMS } from '../document/target.ts';
import type { DatabasePods, MysqlSystem, Target, TargetSystem, UpstreamTls } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, pathText, placeAt } from '../source-tree.ts';
import { type CheckContext, type Report, reportOn, reportUnknown } from './context.ts';
import { readMaterial, soleKey } from './material.ts';
import { reservedSchemaOwner, SYSTEM_ACCOUNTS } from './reserved.ts';

type TargetDocument = ShapedDocument<'Target'>;

export function checkTargets(context: CheckContext): void {
  const taken = new Map<string, string>();
  const brokers = new Map<string, string>();
  for (const document of context.documents.of('Target')) {
    const report = reportOn(document, context.found);
    reportClashes(document, taken, report);
    if (document.spec.enforcement === 'Observe') report(['spec', 'enforcement'], 'target-observed');
    reportSharedBroker(document, brokers, report);
    const target = readTarget(document, report, context);
    if (target === undefined) {
      context.documents.markFaulty(document);
      continue;
    }
    context.targets.set(target.id, target);
  }
}

/** Endpoints are compared as written; two names of one server are found by `postern bootstrap`. */
function reportSharedBroker(
  document: TargetDocument,
  brokers: Map<string, string>,
  report: Report,
): void {
  const own = `${document.namespace}/${document.name}`;
  for (const form of ['mariadb', 'mysql'] as const) {
    const { endpoints = [], broker } = document.spec[form] ?? {};
    for (const { host, port } of broker ? endpoints : []) {
      const endpoint = `${host.toLowerCase()}:${port}`;
      const user = broker?.user ?? '';
      const other = brokers.get(`${user}@${endpoint}`) ?? own;
      brokers.set(`${user}@${endpoint}`, other);
      if (other === own) continue;
      report(['spec', form, 'broker', 'user'], 'broker-shared', { user, endpoint, other });
      break;
    }
  }
}

function readTarget(
  document: TargetDocument,
  report: Report,
  context: CheckContext,
): Target | undefined {
  const { spec, namespace, name } = document;
  const system = readSystem(document, report, context);
  if (system === undefined) return undefined;
  const { service, port, hostnames, localPort } = spec.expose;
  return {
    rule: document.rule,
    id: `${namespace}/${name}`,
    namespace,
    name,
    labels: document.labels,
    expose: {
      service: service ?? name,
      port,
      hostnames,
      ...(localPort !== undefined && { localPort }),
    },
    enforcement: spec.enforcement,
    audit: {
      statements: spec.audit.statements,
      parameters: spec.audit.parameters,
      retentionMs: spec.audit.retention,
    },
    system,
  };
}

function readSystem(
  document: TargetDocument,
  report: Report,
  context: CheckContext,
): TargetSystem | undefined {
  const { spec } = document;
  const form = soleKey(spec, TARGET_FORMS, ['spec'], report);
  if (form === undefined) return undefined;
  const path = ['spec', form];
  if (form === 'mariadb' || form === 'mysql') {
    const mysql = spec[form];
    const pods = mysql?.pods && readPods(mysql.pods, [...path, 'pods'], document, report, context);
    const system = mysql && readMysql(form, mysql, path, document, report);
    return system && { ...system, ...(pods && { pods }) };
  }
  report(path, 'target-not-served', { form });
  if (form === 'azureSql' || form === 'synapse') {
    checkSchemas(spec[form]?.schemas ?? [], path, report);
  }
  return externalSystem(spec);
}

function externalSystem(spec: TargetDocument['spec']): TargetSystem | undefined {
  if (spec.azureSql) return { type: 'azureSql', server: spec.azureSql.server };
  if (spec.synapse) {
    return { type: 'synapse', workspace: spec.synapse.workspace, pool: spec.synapse.pool };
  }
  if (spec.azureMl) return { type: 'azureMl', ...spec.azureMl };
  return spec.http && { type: 'http', ...spec.http };
}

function readPods(
  spec: NonNullable<MysqlSpec['pods']>,
  path: Path,
  document: TargetDocument,
  report: Report,
  context: CheckContext,
): DatabasePods | undefined {
  if (!context.clusters.has(spec.cluster)) {
    const at = [...path, 'cluster'];
    reportUnknown(context, report, at, 'Cluster', spec.cluster, context.clusters.keys());
    return undefined;
  }
  if (Object.keys(spec.labels).length === 0) {
    const at = [...path, 'labels'];
    const problem = 'no label would select every pod of the namespace';
    const suggestion = 'Name a label that only the pods of the database have.';
    report(at, 'value-invalid', { where: pathText(at), problem, suggestion });
    return undefined;
  }
  const position = placeAt(document.parsed.root, path);
  return { rule: { name: document.rule.name, position }, ...spec };
}

function readMysql(
  type: MysqlSystem['type'],
  spec: MysqlSpec,
  path: Path,
  document: TargetDocument,
  report: Report,
): MysqlSystem | undefined {
  const tls = readTls(spec.tls, [...path, 'tls'], document, report);
  const passwordPath = [...path, 'broker', 'password'];
  const password = readMaterial(spec.broker.password, passwordPath, document, report);
  const { user } = spec.broker;
  if (SYSTEM_ACCOUNTS.has(user.toLowerCase())) {
    report([...path, 'broker', 'user'], 'account-reserved', { user });
  }
  const reader = spec.reader && {
    user: spec.reader.user,
    password: readMaterial(spec.reader.password, [...path, 'reader', 'password'], document, report),
  };
  if (reader && (SYSTEM_ACCOUNTS.has(reader.user.toLowerCase()) || reader.user === user)) {
    report([...path, 'reader', 'user'], 'account-reserved', { user: reader.user });
  }
  const schemas = spec.schemas ?? [];
  checkSchemas(schemas, path, report);
  if (tls === undefined || password === undefined) return undefined;
  if (reader && reader.password === undefined) return undefined;
  return {
    type,
    endpoints: spec.endpoints,
    tls,
    broker: { user, password },
    ...(reader?.password && { reader: { user: reader.user, password: reader.password } }),
    operators: spec.operators,
    schemas,
    caseInsensitiveNames: spec.caseInsensitiveNames,
  };
}

function checkSchemas(schemas: readonly string[], path: Path, report: Report): void {
  for (const [index, schema] of schemas.entries()) {
    const owner = reservedSchemaOwner(schema);
    if (owner !== undefined) {
      report([...path, 'schemas', index], 'schema-reserved', { schema, owner });
    }
  }
}

function readTls(
  spec: MysqlSpec['tls'],
  path: Path,
  document: TargetDocument,
  report: Report,
): UpstreamTls | undefined {
  const mode = soleKey(spec, ['ca', 'insecureSkipVerify', 'insecurePlaintext'], path, report);
  if (mode === undefined) return undefined;
  if (mode === 'ca') return readVerifiedTls(spec, path, document, report);
  for (const key of ['serverName', 'clientCertificate'] as const) {
    if (spec[key] === undefined) continue;
    const at = [...path, key];
    const problem = `it means nothing with ${mode}`;
    report(at, 'value-invalid', { where: pathText(at), problem, suggestion: 'Remove it.' });
  }
  const effect =
    mode === 'insecurePlaintext'
      ? 'everybody on the way can read and change it'
      : 'anybody may answer in its place';
  report([...path, mode], 'insecure', { what: mode, effect });
  return { mode };
}

function readVerifiedTls(
  spec: MysqlSpec['tls'],
  path: Path,
  document: TargetDocument,
  report: Report,
): UpstreamTls | undefined {
  const ca = spec.ca && readMaterial(spec.ca, [...path, 'ca'], document, report);
  const pair = spec.clientCertificate;
  const pairPath = [...path, 'clientCertificate'];
  const cert = pair && readMaterial(pair.cert, [...pairPath, 'cert'], document, report);
  const key = pair && readMaterial(pair.key, [...pairPath, 'key'], document, report);
  if (ca === undefined) return undefined;
  return {
    mode: 'verified',
    ca,
    ...(spec.serverName !== undefined && { serverName: spec.serverName }),
    ...(cert && key && { clientCertificate: { cert, key } }),
  };
}

/** What resolves a connection to a Target must name one Target only. */
function reportClashes(
  { spec, name, namespace }: TargetDocument,
  taken: Map<string, string>,
  report: Report,
): void {
  const { service = name, port, hostnames, localPort } = spec.expose;
  const id = `${namespace}/${name}`;
  const expose: Path = ['spec', 'expose'];
  const claims: (readonly [Path, string])[] = [
    [[...expose, 'service'], `service ${service}.${namespace} port ${port}`],
    ...hostnames.map((hostname, index): readonly [Path, string] => [
      [...expose, 'hostnames', index],
      `host name ${hostname}`,
    ]),
  ];
  if (localPort !== undefined) claims.push([[...expose, 'localPort'], `local port ${localPort}`]);
  for (const [path, what] of claims) {
    const first = taken.get(what);
    if (first === undefined) taken.set(what, id);
    else report(path, 'target-clash', { first, second: id, what: `the ${what}` });
  }
}
