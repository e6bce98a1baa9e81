// SPDX-License-Identifier: Apache-2.0
import type { Hono } from 'hono';
import { isTicketId, type Tickets } from '../identity/ticket.ts';
import { decideLogin } from '../policy/decide.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { Call, type CallerParts, type Refused, type Verdict } from './caller.ts';
import type { TicketAnswer } from './contract.ts';

export interface TicketParts {
  readonly tickets: Tickets;
  /** The longest life of a ticket. */
  readonly maxTicketTtlMs: number;
  /** Ends what the ticket opened; the number of sessions. */
  endSessionsOfTicket(ticket: string, by: string): Promise<number>;
}

type Parts = CallerParts & TicketParts;
/** Asks the rules of the built-in Target, for what is not the caller's own. */
type Decide = (
  call: Call,
  action: 'tickets.list' | 'tickets.revoke',
  object: string,
) => Promise<Verdict>;

/** A small number of bytes says all there is to say. */
const MAX_BODY_BYTES = 4_096;
const MAX_USES = 1_000_000;

/** Tickets of one's own need no grant on the gateway: what they open is decided at each login. */
export function addTicketRoutes(app: Hono, parts: Parts, decide: Decide): void {
  app.post('/v1/tickets', async (context) => {
    const header = context.req.header('authorization');
    const caller = await Call.by(parts, header, 'tickets.issue');
    if (!caller.ok) return context.json(caller.body, caller.status);
    const text = await context.req.text();
    const answer = await issue(parts, caller.call, readWish(text));
    return 'ticket' in answer ? context.json(answer) : context.json(answer.body, answer.status);
  });
  app.get('/v1/tickets', async (context) => {
    const header = context.req.header('authorization');
    const caller = await Call.by(parts, header, 'tickets.list');
    if (!caller.ok) return context.json(caller.body, caller.status);
    const { call } = caller;
    const all = context.req.query('all') !== undefined;
    const verdict = await (all ? decide(call, 'tickets.list', 'all') : call.allow(LIST_OWN, []));
    if (!verdict.ok) return context.json(verdict.body, verdict.status);
    const tickets = await parts.tickets.list();
    const own = tickets.filter(({ principal }) => principal === call.principal.id);
    return context.json({ tickets: all ? tickets : own });
  });
  app.post('/v1/tickets/:id/revoke', async (context) => {
    const id = context.req.param('id');
    const header = context.req.header('authorization');
    const caller = await Call.by(parts, header, 'tickets.revoke');
    if (!caller.ok) return context.json(caller.body, caller.status);
    const answer = await revoke(parts, caller.call, id, decide);
    return 'revoked' in answer ? context.json(answer) : context.json(answer.body, answer.status);
  });
}

const LIST_OWN = 'tickets.list own';

async function revoke(
  parts: Parts,
  call: Call,
  id: string,
  decide: Decide,
): Promise<{ readonly revoked: string; readonly sessions: number } | Refused> {
  const none = { error: `there is no live ticket ${isTicketId(id) ? id : 'of that id'}` };
  if (!isTicketId(id)) return { ok: false, status: 404, body: none };
  const found = (await parts.tickets.list()).find((ticket) => ticket.id === id);
  const own = found?.principal === call.principal.id;
  const action = `tickets.revoke ${id}`;
  const verdict = await (own ? call.allow(action, []) : decide(call, 'tickets.revoke', id));
  if (!verdict.ok) return verdict;
  const by = call.principal.id;
  if (!(await parts.tickets.revoke(id))) return { ok: false, status: 404, body: none };
  return { revoked: id, sessions: await parts.endSessionsOfTicket(id, by) };
}

/** What was asked for; `undefined` as a whole: it was not understood. */
interface Wish {
  readonly target: string;
  readonly ttlMs: number;
  readonly uses?: number;
}

function readWish(text: string): Wish | undefined {
  if (text.length > MAX_BODY_BYTES) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const { target, ttlMs, uses } = body as Record<string, unknown>;
  if (typeof target !== 'string' || !isCount(ttlMs, Number.MAX_SAFE_INTEGER)) return undefined;
  if (uses === undefined) return { target, ttlMs };
  return isCount(uses, MAX_USES) ? { target, ttlMs, uses } : undefined;
}

function isCount(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max;
}

async function issue(
  parts: Parts,
  call: Call,
  wish: Wish | undefined,
): Promise<TicketAnswer | Refused> {
  if (!wish) {
    const error = 'the body must be {"target": ..., "ttlMs": 1 or more, "uses": 1 to 1000000}';
    return { ok: false, status: 400, body: { error } };
  }
  const { policy } = parts.engine();
  const target = targetNamed(policy, wish.target);
  const action = `tickets.issue for ${target?.id ?? 'an unknown target'}`;
  if (!target) {
    const detail = 'no target is called so, or more than one; give namespace/name';
    return call.deny(action, { reason: 'target-unresolved', detail }, [], 404);
  }
  // As the ticket will: a rule may look at the method, and a login without source.ip must do.
  const now = parts.clock.now();
  const asTicket = { ...call.principal, method: 'ticket' as const };
  const access = parts.engine().access(asTicket, target.id, now);
  const decision = access && decideLogin(access, { now });
  if (!decision || decision.effect === 'deny') {
    const { reason, detail, rules } = decision ?? NO_ACCESS;
    return call.deny(action, { reason, detail }, rules);
  }
  const ttlMs = Math.min(wish.ttlMs, parts.maxTicketTtlMs);
  const { uses } = wish;
  const order = { principal: call.principal, target: target.id, ttlMs };
  const issued = await parts.tickets.issue({ ...order, ...(uses !== undefined && { uses }) });
  if (!issued.ok) return call.deny(action, issued, [], 429);
  const written = await call.allow(`tickets.issue ${issued.id} for ${target.id}`, decision.rules);
  if (!written.ok) {
    await parts.tickets.revoke(issued.id);
    return written;
  }
  return {
    ticket: issued.id,
    secret: issued.secret.reveal(),
    target: target.id,
    principal: call.principal.id,
    expiresAt: issued.expiresAt,
    ...(uses !== undefined && { uses }),
  };
}

const NO_ACCESS = { reason: 'no-grant', detail: 'no grant on this target', rules: [] } as const;

function targetNamed(policy: Policy, name: string): Target | undefined {
  const all = [...policy.targets.values()].filter(({ system }) => system.type !== 'postern');
  const [found, ...others] = all.filter((target) => target.id === name || target.name === name);
  return others.length === 0 ? found : undefined;
}
