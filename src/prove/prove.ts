// SPDX-License-Identifier: Apache-2.0
import { isSql } from '../compile/istio/mesh-context.ts';
import { distinguishedNeeds } from '../policy/needs.ts';
import { POSTERN_TARGET_ID, type Policy, type Target } from '../policy/policy.ts';
import { principalAtoms, targetRules } from '../policy/principal-atoms.ts';
import { rulesOnTarget } from '../policy/rules-on-target.ts';
import type { DatabaseInput } from './database-input.ts';
import { Declared } from './declared.ts';
import { type LayerOutcome, OVER_BUDGET } from './findings.ts';
import type { Gateway } from './gateway.ts';
import { leaseSets } from './lease-sets.ts';
import type { MeshInput } from './mesh-input.ts';
import type { CounterExample, Layer, LayerResult, Proof, Residual } from './proof.ts';
import { proveDatabase } from './prove-database.ts';
import { proveGateway } from './prove-gateway.ts';
import { type MeshOutcome, proveMesh } from './prove-mesh.ts';
import { behindMesh, withoutDatabase, withoutGateway, withoutMesh } from './residuals.ts';
import { WorkBudget } from './work-budget.ts';

export interface ProofInput {
  readonly policy: Policy;
  /** From when on it is to hold, ms since the epoch. */
  readonly nowMs: number;
  readonly gateway: Gateway;
  /** By cluster. */
  readonly meshes: readonly MeshInput[];
  /** By target id. */
  readonly databases: ReadonlyMap<string, DatabaseInput>;
  /** Which targets are asked about; all of them by default. */
  readonly targets?: ReadonlySet<string>;
  /** Decisions and verdicts that may be taken. */
  readonly budget?: number;
}

export const WORK_BUDGET = 20_000_000;

/**
 * Whether gateway, mesh and database each hold what the declaration says: for every principal,
 * target, object and action that the declaration or an enforcer tells apart. Pure.
 */
export function prove(input: ProofInput): Proof {
  return new Prover(input).proof();
}

class Prover {
  readonly #input: ProofInput;
  readonly #budget: WorkBudget;
  readonly #declared = new Map<string, Declared>();
  readonly #layers: LayerResult[] = [];
  readonly #found: CounterExample[] = [];
  readonly #residuals: Residual[] = [];

  constructor(input: ProofInput) {
    this.#input = input;
    this.#budget = new WorkBudget(input.budget ?? WORK_BUDGET);
  }

  proof(): Proof {
    const { policy, meshes, targets } = this.#input;
    const asked = [...policy.targets.values()]
      .filter(({ id }) => targets?.has(id) ?? this.#isSpokenOf(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const outcomes = meshes.map((mesh) => ({ mesh, outcome: this.#mesh(mesh) }));
    const ids = new Set(asked.map(({ id }) => id));
    const admitted = outcomes.flatMap(({ outcome }) => outcome.admitted.flatMap(behindMesh));
    this.#residuals.push(...admitted.filter(({ target }) => ids.has(target)));
    for (const target of asked) {
      this.#gatewayAndDatabase(target);
      for (const { mesh, outcome } of outcomes) {
        const found = outcome.outcomes.get(target.id);
        const { source, context } = mesh;
        if (found) this.#add('mesh', target, { ...found, source, place: context.cluster.name });
      }
    }
    return {
      layers: this.#layers,
      counterExamples: this.#found,
      residuals: this.#residuals,
      work: this.#budget.used,
    };
  }

  /** Administration is a Target that is always there. */
  #isSpokenOf(id: string): boolean {
    if (id !== POSTERN_TARGET_ID) return true;
    const { policy, gateway } = this.#input;
    return [policy, gateway.policy].some((one) => rulesOnTarget(one, id).grants.length > 0);
  }

  #mesh(input: MeshInput): MeshOutcome {
    const { policy } = this.#input;
    return proveMesh({
      policy,
      input,
      budget: this.#budget,
      declared: (target) => this.#declaredOf(target),
    });
  }

  #gatewayAndDatabase(target: Target): void {
    const { policy, gateway, databases } = this.#input;
    const declared = this.#declaredOf(target);
    const atoms = principalAtoms(targetRules([policy, gateway.policy], target.id));
    const compared = proveGateway(declared, gateway, atoms, this.#budget);
    this.#add('gateway', target, { ...compared, source: 'declared' });
    const sets = leaseSets({ policy, declared, gateway, budget: this.#budget }, atoms);
    const database = databases.get(target.id);
    const outcome =
      database && sets
        ? proveDatabase({ declared, input: database, sets, budget: this.#budget })
        : undefined;
    if (database) {
      const undecided = { status: 'undecided', text: OVER_BUDGET, found: [] } as const;
      this.#add('database', target, { ...(outcome ?? undecided), source: database.source });
    } else if (isSql(target)) {
      const none = { status: 'none', text: notLookedAt(target), found: [] } as const;
      this.#add('database', target, { ...none, source: 'declared' });
    }
    this.#residuals.push(
      ...withoutGateway(policy, declared, sets ?? []),
      ...withoutMesh(target, database),
      ...(database ? withoutDatabase(declared, sets ?? [], outcome) : []),
    );
  }

  #declaredOf(target: Target): Declared {
    const known = this.#declared.get(target.id);
    if (known) return known;
    const { policy, gateway, nowMs } = this.#input;
    const needs = distinguishedNeeds([policy, gateway.policy], target.id);
    const made = new Declared(policy, target, needs, nowMs);
    this.#declared.set(target.id, made);
    return made;
  }

  #add(
    layer: Layer,
    target: Target,
    { found, ...outcome }: LayerOutcome & Pick<LayerResult, 'source' | 'place'>,
  ): void {
    const { status, text, source, place } = outcome;
    const at = place === undefined ? {} : { place };
    this.#layers.push({ layer, target: target.id, ...at, source, status, text });
    this.#found.push(...found);
  }
}

/** Left out is not agreed: whoever reads the proof must see what it says nothing about. */
function notLookedAt({ system: { type } }: Target): string {
  return type === 'mariadb'
    ? 'it was not asked'
    : `no model of what a server of type ${type} grants`;
}
