// SPDX-License-Identifier: Apache-2.0
import { type Manifest, manifestName } from '../../manifest/manifest.ts';
import { childOf, itemsOf, membersOf, textAt, textsOf } from '../../manifest/node.ts';
import { entraTenant, issuerProblem } from '../../policy/lint/issuer-form.ts';
import type { TreeNode } from '../../policy/source-tree.ts';
import { freeName, type ImportedDocument } from '../document.ts';
import type { Leaves } from './leaves.ts';

interface Provider {
  readonly name: string;
  readonly preset: string;
  readonly tenant?: string;
  readonly issuer?: string;
  readonly jwks?: string;
  readonly audiences: Set<string>;
}

const PRESETS: readonly (readonly [RegExp, string])[] = [
  [/^https:\/\/token\.actions\.githubusercontent\.com/, 'github'],
  [/^https:\/\/gitlab\.com/, 'gitlab'],
  [/^https:\/\/[a-z0-9-]+\.okta(preview|-emea)?\.com/, 'okta'],
];

/** IdentityProviders from RequestAuthentications; both versions of an Entra tenant are one. */
export class Providers {
  readonly #leaves: Leaves;
  readonly #taken: Set<string>;
  readonly #byKey = new Map<string, Provider>();

  constructor(leaves: Leaves, taken: Iterable<string>) {
    this.#leaves = leaves;
    this.#taken = new Set(taken);
  }

  read(manifest: Manifest): void {
    const { spec } = manifest;
    for (const { key, node } of membersOf(spec)) {
      if (key === 'jwtRules') for (const rule of itemsOf(node)) this.#rule(rule);
      else
        this.#leaves.leave(
          node,
          `${manifestName(manifest)} is for these pods; a provider is for every Target`,
        );
    }
  }

  documents(): readonly ImportedDocument[] {
    return [...this.#byKey.values()].map(({ name, preset, tenant, issuer, jwks, audiences }) => ({
      kind: 'IdentityProvider',
      name,
      namespace: '',
      spec: {
        oidc: {
          preset,
          ...(tenant !== undefined && { tenant }),
          ...(issuer !== undefined && { issuer }),
          audiences: [...audiences],
          ...(jwks !== undefined && { jwks: { url: jwks } }),
        },
      },
    }));
  }

  #rule(rule: TreeNode): void {
    const issuer = textAt(rule, 'issuer');
    const audiences = textsOf(childOf(rule, 'audiences')).map(({ value }) => value);
    const problem =
      issuer === undefined
        ? 'a rule without issuer takes any issuer: declare an IdentityProvider with one'
        : (issuerProblem(issuer)?.problem ??
          (audiences.length === 0
            ? 'it takes tokens for whatever they were made: name the audiences'
            : undefined));
    if (issuer === undefined || problem !== undefined)
      return this.#leaves.leave(rule, problem ?? '');
    const provider = this.#provider(issuer, textAt(rule, 'jwksUri'));
    for (const audience of audiences) provider.audiences.add(audience);
    const id = `IdentityProvider/${provider.name}`;
    for (const { key, node } of membersOf(rule)) {
      if (key === 'issuer' || key === 'audiences') this.#leaves.carry(node, id);
      else if (key === 'jwksUri' && provider.jwks !== undefined) this.#leaves.carry(node, id);
      else if (key === 'jwksUri')
        this.#leaves.change(node, id, 'narrower: keys come from the discovery of the issuer');
      else if (key === 'jwks')
        this.#leaves.leave(node, 'put the keys into a file: "jwks: {file: ...}" of the provider');
      else
        this.#leaves.leave(
          node,
          'it is about HTTP headers; Postern takes a token as the password of a login',
        );
    }
  }

  #provider(issuer: string, jwks: string | undefined): Provider {
    const tenant = entraTenant(issuer);
    const [, known] = PRESETS.find(([form]) => form.test(issuer)) ?? [];
    const preset = tenant === undefined ? (known ?? 'generic') : 'entra';
    const key = tenant ?? issuer;
    const present = this.#byKey.get(key);
    if (present) return present;
    const wanted = preset === 'generic' ? new URL(issuer).hostname : preset;
    // The preset knows the issuer and the keys of these.
    const isKnown =
      preset === 'entra' ||
      issuer === 'https://gitlab.com' ||
      issuer === 'https://token.actions.githubusercontent.com';
    const provider: Provider = {
      name: freeName(wanted, this.#taken),
      preset,
      audiences: new Set(),
      ...(tenant !== undefined && { tenant }),
      ...(isKnown ? {} : { issuer, ...(jwks !== undefined && { jwks }) }),
    };
    this.#byKey.set(key, provider);
    return provider;
  }
}
