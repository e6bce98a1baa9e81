// SPDX-License-Identifier: Apache-2.0
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { RequestIntent } from '../audit/record.ts';
import type { OpenedSession, RequestTrace, SessionTrace, Tracing } from '../gateway/tracing.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import type { Target } from '../policy/policy.ts';

/** The audit keeps a statement whole; a span is a signpost. */
const MAX_TEXT_LENGTH = 4_096;

/**
 * Spans in the words of OpenTelemetry's conventions for databases, plus `postern.*`: one of kind
 * SERVER per session and one per request. docs/observability.md says what is the parent of what.
 */
export function tracingWith(tracer: Tracer): Tracing {
  return {
    login: (principal, target, source, stated) =>
      new SessionSpan(tracer, aboutLogin(principal, target, source), target.id, stated),
  };
}

class SessionSpan implements SessionTrace {
  readonly traceparent: string;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  readonly #stated: string | undefined;
  #about: Attributes;

  constructor(tracer: Tracer, about: Attributes, targetId: string, stated: string | undefined) {
    this.#tracer = tracer;
    this.#about = about;
    this.#stated = stated;
    const parent = stated === undefined ? ROOT_CONTEXT : statedContext(stated);
    this.#span = tracer.startSpan(`session ${targetId}`, { kind: SpanKind.SERVER }, parent);
    this.#span.setAttributes(about);
    this.#context = trace.setSpan(ROOT_CONTEXT, this.#span);
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  opened(session: OpenedSession): void {
    this.#about = {
      ...this.#about,
      'postern.session.id': session.id,
      'postern.lease': session.lease.account,
      'postern.upstream.connection.id': session.upstreamConnection,
    };
    this.#span.setAttributes(this.#about);
    this.#span.addEvent('postern.session.opened');
  }

  request(intent: RequestIntent, needs: readonly Need[]): RequestTrace | undefined {
    const operation = operationOf(intent);
    const { namespace, collection } = objectsOf(needs);
    const on = collection ? `${namespace}.${collection}` : (namespace ?? intent.target);
    const span = this.#startRequest(`${operation} ${on}`, intent.traceparent);
    if (!span.isRecording()) return undefined;
    span.setAttributes(this.#about);
    span.setAttributes(aboutRequest(intent, operation));
    if (namespace !== undefined) span.setAttribute('db.namespace', namespace);
    if (collection !== undefined) span.setAttribute('db.collection.name', collection);
    if (intent.reason) span.setAttribute('postern.reason', intent.reason);
    if (intent.decision !== 'deny') return { end: (outcome) => endRequest(span, outcome) };
    fail(span, intent.reason ?? 'denied');
    span.end();
    return undefined;
  }

  end(reason: string, denial?: string): void {
    this.#span.setAttribute('postern.session.end', reason);
    if (denial !== undefined) {
      this.#span.setAttributes({ 'postern.decision': 'deny', 'postern.decision.id': denial });
      fail(this.#span, reason);
    }
    this.#span.end();
  }

  /**
   * A request goes on with the trace that its statement states, else with that of its session when
   * the caller stated one there. Else it is a trace of its own: the life of a pooled connection
   * would make one of millions of spans. What is not the session's child is linked to it.
   */
  #startRequest(name: string, stated: string | undefined): Span {
    const kind = SpanKind.SERVER;
    if (stated !== undefined && stated === this.#stated) {
      return this.#tracer.startSpan(name, { kind }, this.#context);
    }
    const links = [{ context: this.#span.spanContext() }];
    const parent = stated === undefined ? ROOT_CONTEXT : statedContext(stated);
    return this.#tracer.startSpan(name, { kind, links }, parent);
  }
}

function aboutLogin(principal: Principal, target: Target, source: string): Attributes {
  const { system } = target;
  const endpoints = 'endpoints' in system ? system.endpoints : [];
  const endpoint = endpoints.find(({ role }) => role === 'Primary') ?? endpoints[0];
  const client = /^\[?(.*?)\]?:(\d+)$/.exec(source);
  return {
    'db.system.name': system.type,
    ...(endpoint && { 'server.address': endpoint.host, 'server.port': endpoint.port }),
    ...(client && { 'client.address': client[1] ?? '', 'client.port': Number(client[2]) }),
    'postern.target': target.id,
    'postern.principal': principal.id,
    'postern.principal.method': principal.method,
  };
}

/** Never the detail of a decision, which may quote the statement; its text as the audit has it. */
function aboutRequest(intent: RequestIntent, operation: string): Attributes {
  const { statement } = intent;
  return {
    'db.operation.name': operation,
    ...(statement !== undefined && { 'db.query.text': statement.slice(0, MAX_TEXT_LENGTH) }),
    'postern.command': intent.command,
    'postern.decision': intent.decision,
    'postern.decision.id': intent.id,
    'postern.policy.revision': intent.revision,
    'postern.rules': intent.rules.map(({ name }) => name),
  };
}

function endRequest(span: Span, outcome: Parameters<RequestTrace['end']>[0]): void {
  span.setAttributes({
    'postern.outcome': outcome.outcome,
    'db.response.returned_rows': outcome.rows,
    ...(outcome.errno !== undefined && { 'db.response.status_code': String(outcome.errno) }),
  });
  if (outcome.outcome !== 'ok') fail(span, String(outcome.errno ?? outcome.outcome));
  span.end();
}

/** As the database conventions say: what did not do what was asked is an error, by its code. */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function operationOf({ kind, command }: RequestIntent): string {
  return kind === 'other' ? command : kind.toUpperCase().replaceAll('-', ' ');
}

/** The one schema and the one table that a request is about, if there is one. */
function objectsOf(needs: readonly Need[]): { namespace?: string; collection?: string } {
  const [first] = needs;
  if (!first) return {};
  const { schema } = first.object;
  if (needs.some(({ object }) => object.schema !== schema)) return {};
  if (first.object.type === 'schema') return { namespace: schema };
  const { name } = first.object;
  const one = needs.every(({ object }) => object.type !== 'schema' && object.name === name);
  return one ? { namespace: schema, collection: name } : { namespace: schema };
}

/** `value` was validated by `parseTraceparent`. */
function statedContext(value: string): Context {
  const [, traceId = '', spanId = '', flags = '00'] = value.split('-');
  const traceFlags = Number.parseInt(flags, 16);
  const context: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, context);
}
