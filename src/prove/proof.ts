// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';

export const LAYERS = ['gateway', 'mesh', 'database'] as const;
export type Layer = (typeof LAYERS)[number];

/** What the declaration says about the case that an enforcer sees otherwise. */
export interface DeclaredAnswer {
  readonly effect: 'allow' | 'deny';
  /** One sentence. */
  readonly text: string;
  /** The lines that say so; empty where nothing gives it. */
  readonly rules: readonly RuleReference[];
}

/** One case in which an enforcer and the declaration differ, and the least of those alike. */
export interface CounterExample {
  readonly layer: Layer;
  /** `exceeds`: it lets through what is not declared. `refuses`: it withholds what is. */
  readonly kind: 'exceeds' | 'refuses';
  /** Target id. */
  readonly target: string;
  /** `workload/prod/payments/*`, `plaintext from prod/payments`, `account bob@%`. */
  readonly identity: string;
  /** `shop.orders`; absent: the case is about reaching the target at all. */
  readonly object?: string;
  /** An action, or a privilege of the server that is none; absent: connecting. */
  readonly action?: string;
  /** Which part was asked: a port of pods, a moment, a role set. */
  readonly where: string;
  /** The object or right that decides, such as `AuthorizationPolicy/data/postern-orders-deny`. */
  readonly by: string;
  /** The reason code of the enforcer. */
  readonly why: string;
  /** The declaration lines that the deciding object stands for, where it has any. */
  readonly rules: readonly RuleReference[];
  readonly declared: DeclaredAnswer;
  /** Other cases of the same cause. */
  readonly alike: number;
}

/** What would no longer hold if one layer were gone; not a fault, but good to know. */
export interface Residual {
  readonly without: Layer;
  readonly target: string;
  readonly text: string;
  readonly rules: readonly RuleReference[];
}

export type LayerStatus =
  /** Every case was looked at, and there was no difference. */
  | 'agrees'
  | 'differs'
  /** The budget was used up, or something in it is not understood: nothing is claimed. */
  | 'undecided'
  /** The enforcer was not asked, or nothing here knows how it answers: nothing is claimed. */
  | 'none';

export interface LayerResult {
  readonly layer: Layer;
  readonly target: string;
  /** The cluster, for the mesh. */
  readonly place?: string;
  /** `live`: read from the enforcer itself. `declared`: what it would be given. */
  readonly source: 'live' | 'declared';
  readonly status: LayerStatus;
  /** What was looked at, or why nothing is claimed. */
  readonly text: string;
}

export interface Proof {
  readonly layers: readonly LayerResult[];
  readonly counterExamples: readonly CounterExample[];
  readonly residuals: readonly Residual[];
  /** Decisions and verdicts taken. */
  readonly work: number;
}

/** 1 as soon as anything differs or is not decided. */
export function agrees({ layers }: Proof): boolean {
  return layers.every(({ status }) => status === 'agrees' || status === 'none');
}
