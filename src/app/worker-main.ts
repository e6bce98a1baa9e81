// SPDX-License-Identifier: Apache-2.0
// Entry point of a worker process. It serves the connections that the coordinator hands over, and
// talks to it over IPC only. Without a coordinator it must not go on: nobody could revoke anything.
import { type FileAudit, openFileAudit } from '../audit/file-audit.ts';
import { SharedLimits } from '../gateway/shared-limits.ts';
import { IdentityResolver } from '../identity/resolver.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { checkSources } from '../policy/check.ts';
import type { Policy } from '../policy/policy.ts';
import { auditOptions } from './audit-options.ts';
import { type Answers, Channel } from './channel.ts';
import { createLog } from './log.ts';
import { readMaterial } from './material.ts';
import { RemoteTargets, remoteLimits, type ToCoordinator } from './remote-coordinator.ts';
import type { PolicyTexts, WorkerOrders, WorkerSide } from './sides.ts';
import { Worker } from './worker.ts';

interface Serving {
  readonly worker: Worker;
  readonly audit: FileAudit;
  readonly targets: RemoteTargets;
  readonly limits: SharedLimits;
  readonly orders: WorkerOrders;
}

let serving: Serving | undefined;
let closing = false;

/** Only after `start`. */
function now(): Serving {
  if (!serving) throw new PosternError('internal', { correlation: 'a worker without orders' });
  return serving;
}

const side: Answers<WorkerSide> = {
  start: async (orders) => {
    serving = await serve(orders);
  },
  use: (texts) => now().worker.use(policyOf(texts), texts.kept),
  targetState: (target, state) => now().targets.set(target, state),
  sessions: () => now().worker.sessions,
  kill: (id, by) => now().worker.kill(id, by),
  killFor: (asker, kill) => now().worker.killFor(asker, kill),
  endSessionsOfTicket: (id, by) => now().worker.endSessionsOfTicket(id, by),
  recallRequests: (key) => now().limits.recall(key),
  metrics: () => now().worker.metrics.values(),
  health: () => ({ auditAccepting: now().audit.accepting }),
  drain: (timeoutMs) => now().worker.drain(timeoutMs),
  close: async () => {
    closing = true;
    await now().worker.close();
    await now().audit.close();
  },
};

const coordinator: ToCoordinator = new Channel(process, side, (name, socket) => {
  // An error on a socket nobody listens to would end the process.
  socket.on('error', () => undefined);
  const listener = serving?.orders.settings.listeners.find((one) => one.name === name);
  if (listener) serving?.worker.accept(listener, socket);
  else socket.destroy();
});

async function serve(orders: WorkerOrders): Promise<Serving> {
  const { settings, index } = orders;
  const clock = systemClock;
  const log = createLog(settings.log.level, settings.instance);
  const policy = policyOf(orders.policy);
  const audit = await openFileAudit({
    ...auditOptions(settings),
    // 0 is the coordinator.
    worker: String(index + 1),
    clock,
    log,
    signer: {
      offer: (position) =>
        void coordinator.call('durable', position).catch((cause: unknown) => {
          log.warn('audit: the signer was not told', { cause });
        }),
    },
  });
  const targets = new RemoteTargets(coordinator, log);
  for (const [id, state] of orders.targets) targets.set(id, state);
  const limits = new SharedLimits(remoteLimits(coordinator, log), clock);
  try {
    const worker = await Worker.start({
      settings,
      clock,
      log,
      index,
      audit,
      identity: new IdentityResolver({ policy, clock, log, readMaterial }),
      limits,
      lenders: targets.lenders,
      greeting: (id) => targets.greeting(id),
      tickets: { redeem: (proof) => coordinator.call('redeem', proof) },
      killElsewhere: (asker, kill) => killElsewhere(asker, kill, log),
      policy,
      kept: orders.policy.kept,
    });
    return { worker, audit, targets, limits, orders };
  } catch (thrown) {
    await audit.close();
    throw thrown;
  }
}

const killElsewhere = (
  asker: Parameters<WorkerSide['killFor']>[0],
  kill: Parameters<WorkerSide['killFor']>[1],
  log: Log,
): Promise<boolean> =>
  coordinator.call('kill', asker, kill).catch((cause: unknown) => {
    log.warn('KILL did not reach the other workers', { cause });
    return false;
  });

/** The coordinator has checked it; another revision here would mean that texts were changed. */
function policyOf({ sources, revision }: PolicyTexts): Policy {
  const { policy } = checkSources(sources);
  if (policy?.revision === revision) return policy;
  throw new PosternError('internal', { correlation: `revision ${revision} came out differently` });
}

// A Ctrl-C reaches the whole process group; the coordinator decides when a worker is done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => {
  coordinator.close();
  if (!closing) process.kill(process.pid, 'SIGKILL');
});
