// SPDX-License-Identifier: Apache-2.0
import { Hono } from 'hono';
import { toPosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Need } from '../model/request.ts';
import { Call, type CallerParts, type Verdict } from './caller.ts';
import type { DriftView, ReloadReport, SessionView } from './contract.ts';
import { addTicketRoutes, type TicketParts } from './tickets.ts';

/** What the API needs of the process; live things come as functions, so that it holds none. */
export interface AdministrationParts extends CallerParts, TicketParts {
  sessions(): Promise<readonly SessionView[]>;
  /** False when there is no such session. */
  kill(session: string, by: string): Promise<boolean>;
  reload(): Promise<ReloadReport>;
  drift(): readonly DriftView[];
  readonly log: Log;
}

/** Administration as tables and routines of the built-in Target, so that ordinary rules cover it. */
export const ADMINISTRATION_NEEDS = {
  'sessions.list': need('select', 'table', 'sessions'),
  'sessions.kill': need('execute', 'routine', 'kill'),
  'policy.reload': need('execute', 'routine', 'reload'),
  'drift.list': need('select', 'table', 'drift'),
  'tickets.list': need('select', 'table', 'tickets'),
  'tickets.revoke': need('execute', 'routine', 'revoke_ticket'),
} as const satisfies Record<string, Need>;
export type AdministrationAction = keyof typeof ADMINISTRATION_NEEDS;

function need(action: 'select' | 'execute', type: 'table' | 'routine', name: string): Need {
  return { action, object: { type, schema: 'postern', name } };
}

/** The HTTP API behind the administration socket. Every call is identified, decided, recorded. */
export function administrationApi(parts: AdministrationParts): Hono {
  const app = new Hono();
  app.get('/v1/sessions', async (context) => {
    const verdict = await admit(parts, context.req.header('authorization'), 'sessions.list', '');
    if (!verdict.ok) return context.json(verdict.body, verdict.status);
    return context.json({ sessions: await parts.sessions() });
  });
  app.post('/v1/sessions/:id/kill', async (context) => {
    const session = context.req.param('id');
    const header = context.req.header('authorization');
    const verdict = await admit(parts, header, 'sessions.kill', session);
    if (!verdict.ok) return context.json(verdict.body, verdict.status);
    if (await parts.kill(session, verdict.principal)) return context.json({ killed: session });
    return context.json({ error: `there is no live session ${session}` }, 404);
  });
  app.post('/v1/reload', async (context) => {
    const verdict = await admit(parts, context.req.header('authorization'), 'policy.reload', '');
    if (!verdict.ok) return context.json(verdict.body, verdict.status);
    return context.json(await parts.reload());
  });
  app.get('/v1/drift', async (context) => {
    const verdict = await admit(parts, context.req.header('authorization'), 'drift.list', '');
    if (!verdict.ok) return context.json(verdict.body, verdict.status);
    return context.json({ places: parts.drift() });
  });
  addTicketRoutes(app, parts, (call, action, object) =>
    call.decide(`${action} ${object}`.trim(), ADMINISTRATION_NEEDS[action]),
  );
  app.onError((thrown, context) => {
    const correlation = parts.newId();
    const { code, message, cause } = toPosternError(thrown, correlation);
    const { method, path } = context.req;
    parts.log.error('a call of the administration API failed', {
      correlation,
      code,
      method,
      path,
      cause: cause ?? thrown,
    });
    // The message of a PosternError is made for peers; whatever else was thrown stays in the log.
    return context.json({ error: message, correlation }, 500);
  });
  app.notFound((context) => context.json({ error: 'no such resource' }, 404));
  return app;
}

async function admit(
  parts: CallerParts,
  authorization: string | undefined,
  action: AdministrationAction,
  object: string,
): Promise<(Verdict & { ok: false }) | { readonly ok: true; readonly principal: string }> {
  const text = object ? `${action} ${object}` : action;
  const caller = await Call.by(parts, authorization, text);
  if (!caller.ok) return caller;
  const verdict = await caller.call.decide(text, ADMINISTRATION_NEEDS[action]);
  return verdict.ok ? { ok: true, principal: caller.call.principal.id } : verdict;
}
