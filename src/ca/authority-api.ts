// SPDX-License-Identifier: Apache-2.0
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Log } from '../model/log.ts';
import { MAX_REQUEST_BYTES } from './certificate-request.ts';
import type { Issuance } from './issuance.ts';

export interface AuthorityApiParts {
  readonly issuance: Issuance;
  /** The roots to trust (PEM), read at each call: they change during a rollover. */
  bundle(): string;
  /** Whether certificates can be issued now. */
  able(): boolean;
  readonly log: Log;
}

/** What node's HTTP server knows of a call. */
interface Bindings {
  readonly incoming: {
    readonly socket: { readonly remoteAddress?: string; readonly remotePort?: number };
  };
}

/** What a workload is given: everything it needs, and when to come again. */
export interface IssuedAnswer {
  /** Leaf and intermediate (PEM). */
  readonly certificate: string;
  /** Roots (PEM). */
  readonly bundle: string;
  readonly spiffeId: string;
  readonly serial: string;
  /** RFC 3339. */
  readonly notBefore: string;
  readonly notAfter: string;
}

export type AuthorityApp = Hono<{ Bindings: Bindings }>;

/** The HTTPS API of an authority. */
export function authorityApi(parts: AuthorityApiParts): AuthorityApp {
  const app: AuthorityApp = new Hono();
  const limit = bodyLimit({
    maxSize: MAX_REQUEST_BYTES,
    onError: (context) =>
      context.json({ error: `a request has at most ${MAX_REQUEST_BYTES} bytes` }, 413),
  });
  app.post('/v1/certificates', limit, async (context) => {
    const { remoteAddress, remotePort } = context.env.incoming.socket;
    const life = context.req.query('life');
    const issued = await parts.issuance.issue({
      authorization: context.req.header('authorization'),
      source: `${remoteAddress}:${remotePort}`,
      request: await context.req.text(),
      ...(life !== undefined && { life }),
    });
    if (!issued.ok) {
      const { status, reason, detail, decision } = issued;
      if (status === 429) context.header('retry-after', '60');
      return context.json({ error: detail, reason, decision }, status);
    }
    const { chainPem, spiffeId, serial, notBefore, notAfter } = issued.certificate;
    const answer: IssuedAnswer = {
      certificate: chainPem,
      bundle: parts.bundle(),
      spiffeId,
      serial,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
    };
    return context.json(answer);
  });
  app.get('/v1/bundle', (context) => context.text(parts.bundle()));
  // Why not stands in the log: whoever can reach the port may ask.
  app.get('/healthz', (context) =>
    parts.able() ? context.text('ok\n') : context.text('cannot issue now\n', 503),
  );
  app.notFound((context) => context.json({ error: 'no such resource' }, 404));
  app.onError((cause, context) => {
    parts.log.error('a call failed', { path: context.req.path, cause });
    return context.json({ error: 'something went wrong' }, 500);
  });
  return app;
}
