// SPDX-License-Identifier: Apache-2.0
import type { ObjectReference } from '../compile/kube/object.ts';
import type { Target } from '../policy/policy.ts';
import { counted, Findings, type LayerOutcome, OVER_BUDGET } from './findings.ts';
import { MeshModel } from './mesh/mesh-model.ts';
import type { MeshVerdict } from './mesh/mesh-verdict.ts';
import type { CallerAtom } from './mesh-callers.ts';
import type { MeshInput } from './mesh-input.ts';
import type { MeshPlace } from './mesh-places.ts';
import { type MeshRequest, requestText } from './mesh-request.ts';
import type { CounterExample, DeclaredAnswer } from './proof.ts';
import type { WorkBudget } from './work-budget.ts';

/** One caller at one place, with the request it makes there. */
export interface MeshCase {
  readonly place: MeshPlace;
  readonly atom: CallerAtom;
  readonly request: MeshRequest;
}

/** Asks one mesh, and keeps what differs by target. */
export class MeshComparison {
  readonly input: MeshInput;
  readonly #model: MeshModel;
  readonly #budget: WorkBudget;
  readonly #findings = new Map<string, Findings>();
  readonly #undecided = new Map<string, string>();
  readonly #verdicts = new Map<string, number>();

  constructor(input: MeshInput, budget: WorkBudget) {
    this.input = input;
    this.#model = new MeshModel(input.objects, input.facts);
    this.#budget = budget;
  }

  /** By target id; one without any case is not in it. */
  get outcomes(): ReadonlyMap<string, LayerOutcome> {
    const ids = new Set([...this.#verdicts.keys(), ...this.#undecided.keys()]);
    return new Map(
      [...ids].map((id) => {
        const text = counted(this.#verdicts.get(id) ?? 0, 'verdict');
        const findings = this.#findings.get(id) ?? new Findings();
        return [id, findings.outcome(text, this.#undecided.get(id))];
      }),
    );
  }

  /** Undefined: over the budget, which is noted for the targets. */
  ask({ place, atom, request }: MeshCase, targets: readonly Target[]): MeshVerdict | undefined {
    if (!this.#budget.take(1)) {
      this.stop(targets, OVER_BUDGET);
      return undefined;
    }
    const verdict = this.#model.verdict(atom.caller, { ...place.destination, ...request });
    for (const { id } of targets) this.#verdicts.set(id, (this.#verdicts.get(id) ?? 0) + 1);
    if (verdict.effect === 'unknown') {
      const by = verdict.object ? ` in ${objectName(verdict.object)}` : '';
      this.stop(targets, `${verdict.why} ${verdict.detail ?? ''}${by}`);
    }
    return verdict;
  }

  stop(targets: readonly Target[], why: string): void {
    for (const { id } of targets) if (!this.#undecided.has(id)) this.#undecided.set(id, why);
  }

  differs(
    kind: CounterExample['kind'],
    target: Target,
    { place, atom, request }: MeshCase,
    verdict: Pick<CounterExample, 'by' | 'why' | 'rules'>,
    declared: DeclaredAnswer,
  ): void {
    const findings = this.#findings.get(target.id) ?? new Findings();
    this.#findings.set(target.id, findings);
    const object = requestText(request);
    findings.add({
      layer: 'mesh',
      kind,
      target: target.id,
      identity: atom.text,
      ...(object !== undefined && { object }),
      where: place.text,
      ...verdict,
      declared,
    });
  }
}

/** What decided, for a counter-example. */
export function decidedBy(
  { object, why, rules }: MeshVerdict,
  place: MeshPlace,
): Pick<CounterExample, 'by' | 'why' | 'rules'> {
  const nothing = `no object for ${place.destination.namespace}`;
  return { by: object ? objectName(object) : nothing, why, rules };
}

function objectName({ kind, namespace, name }: ObjectReference): string {
  return [kind, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}
