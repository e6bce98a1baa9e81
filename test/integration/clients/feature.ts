// SPDX-License-Identifier: Apache-2.0
import type { Place } from '../../support/driver-world.ts';

/** The columns of the client table. */
export const FEATURES = [
  'text',
  'prepared',
  'cursor',
  'several results',
  'transactions',
  'character sets',
  'reset',
  'over 16 MB',
  'cancel',
  'LOCAL INFILE',
  'bulk',
  'compression',
  'query attributes',
] as const;
export type Feature = (typeof FEATURES)[number];

/** `ok` or what went wrong; without an entry the client has no such thing. */
export type Outcomes = Partial<Record<Feature, string>>;

export interface FeaturePlace extends Place {
  readonly certFile?: string;
  readonly keyFile?: string;
  /** PKCS12 of the two, password `keys`. */
  readonly keyStore?: string;
  /** The password is a token: it goes as it is. */
  readonly clear?: boolean;
  /** Two lines to load. */
  readonly file: string;
  /** What a client that can sends as the query attribute `client_table`. */
  readonly mark: string;
}

export const ENDLESS = 'SELECT COUNT(*) AS n FROM numbers a, numbers b, numbers c';
