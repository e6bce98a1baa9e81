// SPDX-License-Identifier: Apache-2.0
import type { JsonValue } from '../compile/kube/object.ts';
import type { Target } from '../policy/policy.ts';
import { OTHER, type PrincipalAtom } from '../policy/principal-atom.ts';
import { principalAtoms, targetRules } from '../policy/principal-atoms.ts';
import type { MeshToken } from './mesh/mesh-call.ts';
import type { CallerAtom } from './mesh-callers.ts';
import { decidedBy, type MeshComparison } from './mesh-comparison.ts';
import { grantedBy } from './mesh-declared.ts';
import { undeclaredTokens } from './mesh-issuers.ts';
import type { GatewayPlace } from './mesh-places.ts';
import type { MeshQuestion } from './mesh-question.ts';
import { type MeshRequest, takes } from './mesh-request.ts';
import type { DeclaredAnswer } from './proof.ts';
import { tokensOf } from './token-claims.ts';

const OTHER_AUDIENCE = 'another-audience';

/** A port of Postern that sees tokens. */
interface TokenDoor {
  readonly place: GatewayPlace;
  readonly requests: readonly MeshRequest[];
  readonly atoms: readonly CallerAtom[];
  /** Those who may reach each target at some time. */
  readonly bearers: ReadonlyMap<Target, readonly PrincipalAtom[]>;
}

/** Somebody with a token at a port that sees tokens. */
interface Bearer {
  readonly text: string;
  readonly token: MeshToken;
  /** The targets there that the declaration lets it reach. */
  readonly targets: ReadonlySet<Target>;
}

/** With a token: whoever carries it, what counts is whom it names. */
export function compareTokens(
  question: MeshQuestion,
  comparison: MeshComparison,
  door: TokenDoor,
): void {
  const { place, requests, atoms } = door;
  // Callers that have nothing of their own, so that only the token can be what lets them in.
  const carriers = atoms.filter(
    ({ principal, caller }) =>
      caller.serviceAccount === OTHER &&
      (caller.transport === 'plaintext' || principal?.cluster === question.input.facts.cluster),
  );
  for (const bearer of bearers(question, door)) {
    for (const request of requests) {
      const taking = place.targets.filter((target) => takes(target, request));
      const holders = taking.filter((target) => bearer.targets.has(target));
      const seen = carriers.map((carrier) => {
        const atom = withToken(carrier, bearer);
        return { atom, verdict: comparison.ask({ place, atom, request }, place.targets) };
      });
      const [target] = taking.length > 0 ? taking : place.targets;
      for (const { atom, verdict } of seen) {
        if (verdict?.effect !== 'allow' || !target) continue;
        const isPlain = atom.caller.transport === 'plaintext';
        if (holders.length > 0 && !isPlain) continue;
        const answer = isPlain ? NOT_PLAIN : NOT_GRANTED;
        const by = decidedBy(verdict, place);
        comparison.differs('exceeds', target, { place, atom, request }, by, answer);
      }
      if (seen.every(({ verdict }) => verdict?.effect === 'deny')) {
        withheld(holders, { comparison, door, request, seen });
      }
    }
  }
}

function withheld(
  holders: readonly Target[],
  {
    comparison,
    door: { place },
    request,
    seen,
  }: {
    readonly comparison: MeshComparison;
    readonly door: TokenDoor;
    readonly request: MeshRequest;
    readonly seen: readonly {
      readonly atom: CallerAtom;
      readonly verdict: ReturnType<MeshComparison['ask']>;
    }[];
  },
): void {
  const certified = seen.find(({ atom }) => atom.caller.transport === 'mtls');
  if (!certified?.verdict) return;
  for (const target of holders) {
    const by = decidedBy(certified.verdict, place);
    const asked = { place, atom: certified.atom, request };
    comparison.differs('refuses', target, asked, by, grantedBy([target.rule]));
  }
}

const NOT_GRANTED: DeclaredAnswer = {
  effect: 'deny',
  text: 'No Grant names whom the token stands for.',
  rules: [],
};
const NOT_PLAIN: DeclaredAnswer = {
  effect: 'deny',
  text: 'The mesh is to be STRICT: a token alone, without a certificate, lets nobody in.',
  rules: [],
};

function bearers({ policy, input }: MeshQuestion, door: TokenDoor): readonly Bearer[] {
  const found = new Map<string, Bearer>();
  for (const target of door.place.sharing) {
    const entitled = new Set(door.bearers.get(target)?.map(({ text }) => text));
    for (const atom of principalAtoms(targetRules([policy], target.id))) {
      for (const token of tokensOf(atom.principal, policy)) {
        const key = `${atom.text} ${token.issuer}`;
        const targets = new Set(found.get(key)?.targets);
        if (entitled.has(atom.text)) targets.add(target);
        found.set(key, { text: atom.text, token, targets });
        const stray = { ...token, claims: { ...token.claims, aud: OTHER_AUDIENCE } };
        const text = `${atom.text} with a token for somebody else`;
        found.set(`${key} stray`, { text, token: stray, targets: new Set() });
      }
    }
  }
  const known = [...found.values()];
  const declared = new Set([...policy.providers.values()].flatMap(({ issuers }) => issuers));
  const near = [door.place.destination.namespace, input.facts.rootNamespace ?? 'istio-system'];
  const specs = input.objects
    .filter(({ object }) => near.includes(object.metadata.namespace ?? ''))
    .map(({ object }) => object['spec'] as JsonValue | undefined);
  const tokens = known.map(({ token }) => token);
  const others = undeclaredTokens(specs, declared, tokens).map((token): Bearer => {
    return { text: 'somebody whom no provider declares', token, targets: new Set() };
  });
  return [...known, ...others];
}

function withToken(carrier: CallerAtom, { text, token }: Bearer): CallerAtom {
  return {
    ...carrier,
    caller: { ...carrier.caller, token },
    text: `${text} (token of ${token.issuer}) by ${carrier.text}`,
  };
}
