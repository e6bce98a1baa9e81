// SPDX-License-Identifier: Apache-2.0
import { type ObjectReference, referenceOf } from '../../compile/kube/object.ts';
import type { Unknown } from './answer.ts';
import { type MeshObject, rulesAt } from './mesh-facts.ts';
import type { MeshAllow, MeshDeny, MeshVerdict } from './mesh-verdict.ts';

/** Which part of which object something was found in. */
export interface Origin {
  readonly from: MeshObject;
  /** From the object's root: `spec/rules/0`. */
  readonly path: string;
}

export function allowed(why: MeshAllow, origin?: Origin): MeshVerdict {
  return { effect: 'allow', why, ...described(origin) };
}

export function denied(why: MeshDeny, origin?: Origin): MeshVerdict {
  return { effect: 'deny', why, ...described(origin) };
}

export function undecided({ why, detail }: Unknown, origin?: Origin): MeshVerdict {
  return { effect: 'unknown', why, detail, ...described(origin) };
}

function described(origin: Origin | undefined): {
  object?: ObjectReference;
  rules: MeshVerdict['rules'];
} {
  if (!origin) return { rules: [] };
  const { from, path } = origin;
  return { object: referenceOf(from.object), rules: rulesAt(from, path) };
}
