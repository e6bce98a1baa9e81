// SPDX-License-Identifier: Apache-2.0
import { referenceOf } from '../../compile/kube/object.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import type { MeshFacts, MeshObject } from './mesh-facts.ts';
import { isNeutral } from './mesh-kind.ts';
import type { MeshVerdict } from './mesh-verdict.ts';

/**
 * One cluster's mesh as Istio reads its objects. Pure: the same objects, facts and call give the
 * same verdict. What it does not understand and what might decide is `unknown`.
 */
export class MeshModel {
  readonly #objects: readonly MeshObject[];
  readonly facts: MeshFacts;

  constructor(objects: readonly MeshObject[], facts: MeshFacts) {
    this.#objects = objects;
    this.facts = facts;
  }

  verdict(_caller: MeshCaller, destination: MeshDestination): MeshVerdict {
    const { rootNamespace = 'istio-system' } = this.facts;
    const near = [undefined, destination.namespace, rootNamespace];
    const strange = this.#objects.find(
      ({ object }) => near.includes(object.metadata.namespace) && !isNeutral(object),
    );
    if (!strange) return { effect: 'allow', why: 'no-allow-policy', rules: [] };
    const { object, rules } = strange;
    const reference = referenceOf(object);
    return {
      effect: 'unknown',
      why: 'kind-unknown',
      object: reference,
      rules,
      detail: object.kind,
    };
  }
}
