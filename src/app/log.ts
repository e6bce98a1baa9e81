// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino';
import { PosternError } from '../model/errors.ts';
import type { Log, LogFields } from '../model/log.ts';

/** JSON lines on standard error. Errors show message, code and stack; a Secret shows itself as such. */
export function createLog(level: 'debug' | 'info' | 'warn' | 'error', instance: string): Log {
  const logger = pino(
    {
      level,
      base: { instance, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  const write = (severity: 'debug' | 'info' | 'warn' | 'error') => {
    return (message: string, fields?: LogFields) => logger[severity](printable(fields), message);
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function printable(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? describe(value) : value,
    ]),
  );
}

function describe(error: Error): Record<string, unknown> {
  return {
    message: error.message,
    ...(error instanceof PosternError && { code: error.code }),
    stack: error.stack,
    ...(error.cause instanceof Error && { cause: describe(error.cause) }),
  };
}
