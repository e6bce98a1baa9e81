// SPDX-License-Identifier: Apache-2.0
import { Hono } from 'hono';
import type { AuditLog } from '../audit/record.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { Clock } from '../model/clock.ts';
import type { Denied, RuleReference } from '../model/decision.ts';
import type { Need } from '../model/request.ts';
import { Secret } from '../model/secret.ts';
import { type DecisionEngine, decideRequest } from '../policy/decide.ts';
import { POSTERN_TARGET_ID } from '../policy/policy.ts';
import type { ReloadReport, SessionView } from './contract.ts';

/** What the API needs of the process; live things come as functions, so that it holds none. */
export interface AdministrationParts {
  readonly audit: AuditLog;
  readonly identity: IdentityResolver;
  readonly clock: Clock;
  engine(): DecisionEngine;
  newId(): string;
  sessions(): readonly SessionView[];
  /** False when there is no such session. */
  kill(session: string, by: string): boolean;
  reload(): Promise<ReloadReport>;
}

type Verdict =
  | { readonly ok: true; readonly principal: string }
  | {
      readonly ok: false;
      readonly status: 401 | 403;
      readonly id: string;
      readonly detail: string;
    };

/** Administration as tables and routines of the built-in Target, so that ordinary rules cover it. */
export const ADMINISTRATION_NEEDS = {
  'sessions.list': need('select', 'table', 'sessions'),
  'sessions.kill': need('execute', 'routine', 'kill'),
  'policy.reload': need('execute', 'routine', 'reload'),
} as const satisfies Record<string, Need>;
type AdministrationAction = keyof typeof ADMINISTRATION_NEEDS;

function need(action: 'select' | 'execute', type: 'table' | 'routine', name: string): Need {
  return { action, object: { type, schema: 'postern', name } };
}

/** The HTTP API behind the administration socket. Every call is identified, decided, recorded. */
export function administrationApi(parts: AdministrationParts): Hono {
  const app = new Hono();
  app.get('/v1/sessions', async (context) => {
    const verdict = await admit(parts, context.req.header('authorization'), 'sessions.list', '');
    if (!verdict.ok) return context.json(refusal(verdict), verdict.status);
    return context.json({ sessions: parts.sessions() });
  });
  app.post('/v1/sessions/:id/kill', async (context) => {
    const session = context.req.param('id');
    const header = context.req.header('authorization');
    const verdict = await admit(parts, header, 'sessions.kill', session);
    if (!verdict.ok) return context.json(refusal(verdict), verdict.status);
    if (parts.kill(session, verdict.principal)) return context.json({ killed: session });
    return context.json({ error: `there is no live session ${session}` }, 404);
  });
  app.post('/v1/reload', async (context) => {
    const verdict = await admit(parts, context.req.header('authorization'), 'policy.reload', '');
    if (!verdict.ok) return context.json(refusal(verdict), verdict.status);
    return context.json(await parts.reload());
  });
  app.notFound((context) => context.json({ error: 'no such resource' }, 404));
  return app;
}

function refusal(verdict: Verdict & { ok: false }): { error: string; decision: string } {
  return { error: verdict.detail, decision: verdict.id };
}

async function admit(
  parts: AdministrationParts,
  authorization: string | undefined,
  action: AdministrationAction,
  object: string,
): Promise<Verdict> {
  const id = parts.newId();
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/.exec(authorization ?? '')?.[1];
  const identity = token
    ? await parts.identity.verifyToken(new Secret(token))
    : ({ ok: false, reason: 'anonymous', detail: 'no bearer token was sent' } as const);
  const record = (principal: string, denied: Denied | undefined, rules: readonly RuleReference[]) =>
    new Promise<boolean>((resolve) => {
      parts.audit.append(
        {
          event: 'administration',
          id,
          principal,
          action: object ? `${action} ${object}` : action,
          decision: denied ? 'deny' : 'allow',
          ...(denied && { reason: denied.reason }),
          detail: denied?.detail ?? '',
          rules,
        },
        resolve,
      );
    });
  if (!identity.ok) {
    await record('anonymous', { effect: 'deny', rules: [], ...identity }, []);
    return { ok: false, status: 401, id, detail: `access denied; decision ${id}` };
  }
  const { principal } = identity;
  const now = parts.clock.now();
  const access = parts.engine().access(principal, POSTERN_TARGET_ID, now);
  const features = { hasWhere: false, localInfile: false, multiStatement: false };
  const question = {
    kind: 'administration' as const,
    needs: [ADMINISTRATION_NEEDS[action]],
    features: { ...features, mayHoldCredentials: false },
  };
  const decision = access
    ? decideRequest(access, question, { now })
    : ({ effect: 'deny', reason: 'no-grant', rules: [], detail: 'no grant on postern' } as const);
  const denied = decision.effect === 'deny' ? decision : undefined;
  const written = await record(principal.id, denied, decision.rules);
  if (denied) return { ok: false, status: 403, id, detail: `${denied.detail} (decision ${id})` };
  if (!written) return { ok: false, status: 403, id, detail: 'the audit cannot be written' };
  return { ok: true, principal: principal.id };
}
