// SPDX-License-Identifier: Apache-2.0
import { readAuthoritySettings } from '../config/read.ts';
import { systemClock } from '../model/clock.ts';
import { AuthorityServer } from './authority-server.ts';
import { createLog } from './log.ts';
import { withStopSignal } from './stop-signal.ts';

/** `postern ca serve`: runs until SIGTERM or SIGINT. Rejects as `AuthorityServer.start` does. */
export async function runAuthority(file: string): Promise<0> {
  const settings = readAuthoritySettings(file);
  const log = createLog(settings.log.level, settings.instance);
  await withStopSignal(async (signal) => {
    const server = await AuthorityServer.start({ settings, clock: systemClock, log });
    process.on('SIGHUP', () => {
      server.reload().catch((cause: unknown) => log.error('reload failed', { cause }));
    });
    log.info('stopping', { signal: await signal });
    await server.stop();
  });
  return 0;
}
