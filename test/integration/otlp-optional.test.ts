// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createAuthority } from '../support/certs.ts';
import { OtlpCollector } from '../support/otlp-collector.ts';

const SETTINGS = {
  headers: {},
  timeout: 2_000,
  traces: true,
  sampleRatio: 1,
  metrics: false,
  interval: 60_000,
};

/** Where the packages of the SDK are not installed. */
const WITHOUT_SDK = `
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(\`
    export async function resolve(specifier, context, next) {
      if (!/^@opentelemetry.(sdk|exporter|resources)/.test(specifier)) return next(specifier, context);
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    }\`));`;

/** What a process says that is asked to export one span. */
async function said(options: {
  readonly settings?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly sdk?: false;
}): Promise<readonly string[]> {
  const entry = new URL('../../src/app/otlp.js', import.meta.url).href;
  const program = `${options.sdk === false ? WITHOUT_SDK : ''}
    const { exportSpans } = await import(${JSON.stringify(entry)});
    const said = [];
    const quiet = () => undefined;
    const exporting = await exportSpans({
      settings: ${JSON.stringify(options.settings)},
      environment: process.env,
      instance: 'test',
      clock: { now: Date.now },
      log: { debug: quiet, info: quiet, warn: (text) => said.push('warn ' + text), error: quiet },
      metrics: { spans: (fate, count) => said.push(fate + ' ' + count) },
    }).catch((thrown) => said.push(thrown.code + ' ' + thrown.message));
    if (exporting?.tracing) {
      const target = { id: 'data/orders', system: { type: 'mariadb', endpoints: [] } };
      exporting.tracing.login({ id: 'user/x/y', method: 'token' }, target, '192.0.2.1:1').end('over');
      await exporting.stop();
    }
    console.log(JSON.stringify(said));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { cwd: fileURLToPath(new URL('.', import.meta.url)), env: { ...options.environment } },
  );
  return JSON.parse(stdout);
}

describe('exporting, where it is asked for', () => {
  let collector: OtlpCollector;
  before(async () => {
    collector = await OtlpCollector.start();
  });
  after(() => collector.close());

  it('does not start without the packages when settings ask, and goes on when variables do', async () => {
    const settings = { ...SETTINGS, endpoint: collector.endpoint };
    const [refused] = await said({ settings, sdk: false });
    match(refused ?? '', /^requirement-missing .*OpenTelemetry.*docs\/observability\.md/);
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
    deepEqual(await said({ environment, sdk: false }), ['warn nothing is exported over OTLP']);
    equal(collector.requests, 0);
  });

  it('asks nobody when nobody asks for it', async () => {
    deepEqual(await said({ sdk: false }), []);
    const settings = { ...SETTINGS, endpoint: collector.endpoint, traces: false };
    deepEqual(await said({ settings, sdk: false }), []);
    for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, ...off };
      deepEqual(await said({ environment, sdk: false }), []);
    }
  });

  it('follows the standard variables', async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
      OTEL_SERVICE_NAME: 'front-door',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    };
    deepEqual(await said({ environment }), ['exported 1']);
    equal(collector.resources.at(-1)?.['service.name'], 'front-door');
    equal(collector.resources.at(-1)?.['deployment.environment.name'], 'test');
    equal(collector.headers.at(-1)?.['x-tenant'], 'blue');
    deepEqual(
      await said({ environment: { ...environment, OTEL_TRACES_SAMPLER: 'always_off' } }),
      [],
    );
    deepEqual(collector.faults, []);
  });

  it('verifies an https collector by the authority of the settings', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-otlp-'));
    const authority = await createAuthority({ commonName: 'collector' });
    const server = await authority.issue({ ipAddresses: ['127.0.0.1'], usages: ['server'] });
    const secure = await OtlpCollector.start({ cert: server.chainPem, key: server.keyPem });
    try {
      const ca = join(directory, 'ca.pem');
      writeFileSync(ca, authority.certPem);
      const settings = { ...SETTINGS, endpoint: `${secure.endpoint}/` };
      deepEqual(await said({ settings: { ...settings, ca } }), ['exported 1']);
      equal(secure.spans.length, 1);
      deepEqual(await said({ settings }), ['failed 1', 'warn spans cannot be exported']);
      equal(secure.spans.length, 1);
    } finally {
      await secure.close();
      rmSync(directory, { recursive: true });
    }
  });
});
