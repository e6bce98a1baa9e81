// SPDX-License-Identifier: Apache-2.0

/**
 * Keeps the process alive until the first SIGTERM or SIGINT, then runs `stop`; a second signal ends
 * the process at once.
 */
export async function untilSignal(stop: (signal: NodeJS.Signals) => Promise<void>): Promise<void> {
  // Timers of the clock do not keep the process alive; this does.
  const alive = setInterval(() => undefined, 1 << 30);
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  process.once('SIGTERM', () => process.kill(process.pid, 'SIGKILL'));
  process.once('SIGINT', () => process.kill(process.pid, 'SIGKILL'));
  await stop(signal);
  clearInterval(alive);
}
