// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../policy/policy.ts';
import type { PrincipalAtom } from '../policy/principal-atom.ts';
import { principalAtoms, targetRules } from '../policy/principal-atoms.ts';
import { OVER_BUDGET } from './findings.ts';
import { CallerBound, type Grain, grainOf } from './mesh-bound.ts';
import { type CallerAtom, callerAtoms } from './mesh-callers.ts';
import { decidedBy, type MeshComparison } from './mesh-comparison.ts';
import { grantedTo, namedIn, notGranted } from './mesh-declared.ts';
import { meshNamesAt } from './mesh-names.ts';
import type { GatewayPlace } from './mesh-places.ts';
import type { Admitted, MeshQuestion } from './mesh-question.ts';
import { type MeshRequest, requestsOf, takes } from './mesh-request.ts';
import { unreachableName } from './mesh-service.ts';
import { compareTokens } from './mesh-tokens.ts';

type Entitled = ReadonlyMap<Target, ReadonlySet<CallerAtom>>;

/** One port of Postern: who is to come in for some target behind it, and who does. */
export class GatewayDoor {
  readonly place: GatewayPlace;
  readonly requests: readonly MeshRequest[];
  readonly atoms: readonly CallerAtom[];
  /** For tokens, by target. */
  readonly bearers: ReadonlyMap<Target, readonly PrincipalAtom[]>;
  readonly #question: MeshQuestion;
  readonly #comparison: MeshComparison;
  readonly #grain: Grain;
  readonly #entitled: Entitled | undefined;

  constructor(question: MeshQuestion, comparison: MeshComparison, place: GatewayPlace) {
    const { policy, input } = question;
    const names = meshNamesAt(input, place.destination.namespace);
    const { cluster, mesh } = input.context;
    this.place = place;
    this.#question = question;
    this.#comparison = comparison;
    this.#grain = grainOf(mesh.dataPlane, place.targets);
    this.requests = requestsOf(place.targets, place.destination.protocol, names.objects);
    this.atoms = callerAtoms(policy, cluster, {
      ...namedIn(policy, place.sharing, input),
      ...names,
      labels: new Map(),
    });
    const bearers = place.targets.map((target) => [target, bearersOf(question, target)] as const);
    const isRead = bearers.every(([, found]) => found !== undefined);
    this.bearers = new Map(bearers.map(([target, found = []]) => [target, found]));
    this.#entitled = isRead ? this.#readEntitled() : undefined;
  }

  /** `doors`: all of this Postern; ztunnel guards them with one list. Undefined: over the budget. */
  compare(doors: readonly GatewayDoor[]): Admitted | undefined {
    const { place, requests } = this;
    const entitled = this.#entitled;
    const bound = this.#bound(doors);
    if (!entitled || !bound) {
      this.#comparison.stop(place.targets, OVER_BUDGET);
      return undefined;
    }
    this.#compareNames(entitled);
    const [callers, strangers] = [new Set<CallerAtom>(), new Set<CallerAtom>()];
    for (const request of requests) {
      const taking = place.targets.filter((target) => takes(target, request));
      for (const atom of this.atoms) {
        const holders = taking.filter((target) => entitled.get(target)?.has(atom));
        const verdict = this.#comparison.ask({ place, atom, request }, place.targets);
        if (!verdict) return undefined;
        const by = decidedBy(verdict, place);
        if (verdict.effect === 'deny') {
          for (const target of holders) {
            const answer = grantedTo(this.#question.declared(target), atom);
            this.#comparison.differs('refuses', target, { place, atom, request }, by, answer);
          }
        } else if (verdict.effect === 'allow') {
          callers.add(atom);
          if (holders.length === 0) strangers.add(atom);
          const isJust = this.#isPerRequest ? holders.length > 0 : bound.admits(atom);
          const [target] = taking.length > 0 ? taking : place.targets;
          if (isJust || !target) continue;
          const answer = notGranted(this.#question.declared(target), atom);
          this.#comparison.differs('exceeds', target, { place, atom, request }, by, answer);
        }
      }
    }
    if (this.#isPerRequest) compareTokens(this.#question, this.#comparison, this);
    const all = { callers: [...callers], strangers: [...strangers] };
    return { place, grain: this.#grain, ...all };
  }

  /** A sidecar in front of HTTP sees who asks for what. */
  get #isPerRequest(): boolean {
    return this.#grain === 'identity' && this.place.destination.protocol === 'http';
  }

  #bound(doors: readonly GatewayDoor[]): CallerBound | undefined {
    const shared = this.#grain === 'identity' ? doors : [this];
    const entitled: CallerAtom[] = [];
    for (const door of shared) {
      if (!door.#entitled) return undefined;
      for (const atoms of door.#entitled.values()) entitled.push(...atoms);
    }
    const tokens = [...this.bearers.values()].some((atoms) => atoms.length > 0);
    return new CallerBound(this.#grain, tokens, entitled);
  }

  #readEntitled(): Entitled | undefined {
    const { budget, input } = this.#question;
    const all = new Map<Target, ReadonlySet<CallerAtom>>();
    for (const target of this.place.targets) {
      const declared = this.#question.declared(target);
      const found = new Set<CallerAtom>();
      for (const atom of this.atoms) {
        if (atom.principal?.cluster !== input.context.cluster.name) continue;
        const reading = declared.reading(atom.principal, budget);
        if (!reading) return undefined;
        if (reading.login !== 'never') found.add(atom);
      }
      all.set(target, found);
    }
    return all;
  }

  /** Everybody dials the name of a target; where it leads nowhere nobody comes. */
  #compareNames(entitled: Entitled): void {
    for (const target of this.place.targets) {
      const [atom] = entitled.get(target) ?? [];
      const problem = atom && unreachableName(this.#comparison.input, target);
      if (!problem) continue;
      const asked = { place: this.place, atom, request: {} };
      const answer = grantedTo(this.#question.declared(target), atom);
      this.#comparison.differs('refuses', target, asked, problem, answer);
    }
  }
}

/** People, jobs and agents who may reach the target at some time. Undefined: over the budget. */
function bearersOf(
  { policy, declared, budget }: MeshQuestion,
  target: Target,
): readonly PrincipalAtom[] | undefined {
  const found: PrincipalAtom[] = [];
  for (const atom of principalAtoms(targetRules([policy], target.id))) {
    if (atom.principal.kind === 'workload') continue;
    const reading = declared(target).reading(atom.principal, budget);
    if (!reading) return undefined;
    if (reading.login !== 'never') found.push(atom);
  }
  return found;
}
