// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** `make soak` in small: long enough for two revocations, too short to judge memory. */
test('reloads, rotations and revocations disturb nobody else', async () => {
  const soak = fileURLToPath(new URL('../../scripts/soak.js', import.meta.url));
  const env = { ...process.env, SOAK_SECONDS: '25', SOAK_CONNECTIONS: '80', SOAK_BUSY: '4' };
  const ran = await promisify(execFile)(process.execPath, [soak], { env }).catch(
    (failed) => failed,
  );
  assert.match(ran.stdout, /^problems +0$/m, `${ran.stdout}\n${ran.stderr}`);
  assert.equal(ran.code ?? 0, 0, ran.stdout);
});
