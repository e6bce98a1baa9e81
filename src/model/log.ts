// SPDX-License-Identifier: Apache-2.0

export type LogFields = Readonly<Record<string, unknown>>;

/** What parts below `app/` may say about their own health; audit never goes through it. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
