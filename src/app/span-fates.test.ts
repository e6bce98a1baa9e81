// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { silentLog } from '../model/log.ts';
import { SpanFates } from './span-fates.ts';

type Done = Parameters<SpanExporter['export']>[1];

function fatesOf(maxWaiting: number) {
  const counts: Record<string, number> = {};
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const spans = (result: string, count: number) => {
    counts[result] = (counts[result] ?? 0) + count;
  };
  const fates = new SpanFates(maxWaiting, { spans }, log);
  const taken: ReadableSpan[] = [];
  const processor = fates.bound({
    onStart: () => undefined,
    onEnd: (span) => void taken.push(span),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  });
  const answers: Done[] = [];
  const exporter = fates.watch({
    export: (_spans, done) => void answers.push(done),
    shutdown: async () => undefined,
  });
  const end = (count: number) => {
    for (let i = 0; i < count; i += 1) processor.onEnd({} as ReadableSpan);
  };
  return { counts, warnings, taken, answers, exporter, end };
}

describe('fates of spans', () => {
  it('drops and counts what a slow collector leaves waiting, and no more', () => {
    const { counts, taken, exporter, end } = fatesOf(3);
    end(5);
    equal(taken.length, 3);
    deepEqual(counts, { dropped: 2 });
    exporter.export(taken.splice(0, 2), () => undefined);
    end(3);
    equal(taken.length, 3);
    deepEqual(counts, { dropped: 3 });
  });

  it('counts what was exported and what failed, and tells of an outage once', () => {
    const { counts, warnings, taken, answers, exporter, end } = fatesOf(9);
    end(6);
    for (let i = 0; i < 3; i += 1) exporter.export(taken.splice(0, 2), () => undefined);
    answers[0]?.({ code: 1, error: new Error('refused') });
    answers[1]?.({ code: 1, error: new Error('refused') });
    answers[2]?.({ code: 0 });
    deepEqual(counts, { failed: 4, exported: 2 });
    equal(warnings.length, 1);
  });
});
