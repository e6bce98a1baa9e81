// SPDX-License-Identifier: Apache-2.0

/**
 * Runs something that ends when it is told to: hands it the first SIGTERM or SIGINT, keeps the
 * process alive meanwhile, and lets a second signal end the process at once. Signals count from the
 * beginning, also while it is still starting.
 */
export async function withStopSignal<Result>(
  run: (signal: Promise<NodeJS.Signals>) => Promise<Result>,
): Promise<Result> {
  // Timers of the clock do not keep the process alive; this does.
  const alive = setInterval(() => undefined, 1 << 30);
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    const first = (name: NodeJS.Signals) => {
      for (const one of ['SIGTERM', 'SIGINT'] as const) {
        process.off(one, first);
        process.once(one, () => process.kill(process.pid, 'SIGKILL'));
      }
      resolve(name);
    };
    process.on('SIGTERM', first).on('SIGINT', first);
  });
  try {
    return await run(signal);
  } finally {
    clearInterval(alive);
  }
}
