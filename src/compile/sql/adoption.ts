// SPDX-License-Identifier: Apache-2.0
import type { Adoption, DeclarationEdit, DeclaredRight } from '../../model/finding.ts';
import { declaredRight } from './declared-right.ts';
import { rolesOf } from './desired.ts';
import type { Difference, DifferenceCode } from './difference.ts';
import type { Scope } from './managed.ts';
import { type Right, rightsText } from './right.ts';
import type { ServerState } from './server-state.ts';

/** What would have to be declared for a difference to be none. Pure. */
export function adoptionOf(found: Difference, scope: Scope, state: ServerState): Adoption {
  const { code, cause } = found;
  if (cause === 'declaration') return never('it is declared already, and not applied yet');
  switch (code) {
    case 'foreign-account':
    case 'foreign-pattern':
    case 'proxy-foreign':
    case 'role-holder-extra':
      return operator(found, scope);
    case 'role-right-extra':
    case 'composite-right-extra':
    case 'lease-right-extra':
      return wider(found, dataRolesOf(found, scope, state).slice(0, 1));
    case 'public-widened':
    case 'anonymous-access':
      return wider(
        found,
        rolesOf(scope.policy, scope.target).map(({ id }) => id),
      );
    case 'role-right-missing':
      return narrower(found.rights ?? [], dataRolesOf(found, scope, state));
    case 'view-missing':
      return withoutView(found, scope);
    case 'role-missing':
      return withoutGrants(found, scope);
    default:
      return never(whyNever(code));
  }
}

function never(impossible: string): Adoption {
  return { impossible };
}

function operator({ holder }: Difference, { target }: Scope): Adoption {
  if (holder === undefined) return never('it has no name to declare');
  const path = ['spec', 'mariadb', 'operators'];
  const document = `Target/${target.id}`;
  return { edits: [{ document, change: 'append', path, value: holder }] };
}

/** DataRoles that come to the holder: a role is of one, a lease or composite may be of several. */
function dataRolesOf(found: Difference, scope: Scope, state: ServerState): readonly string[] {
  const { registry } = state.all;
  const holder = found.holder?.replace(/@%$/, '') ?? '';
  const composite = registry.leases.find(({ account }) => account === holder)?.composite ?? holder;
  const names = registry.composites.find(({ name }) => name === composite)?.roles ?? [composite];
  const ids = scope.desired.roles.filter(({ name }) => names.includes(name));
  // One that can be changed first.
  return ids
    .map(({ dataRole }) => dataRole)
    .sort((a, b) => Number(isBuiltIn(a)) - Number(isBuiltIn(b)));
}

function isBuiltIn(id: string): boolean {
  return id.includes('#');
}

/** Every one of the roles gives the rights too. */
function wider({ rights = [] }: Difference, roles: readonly string[]): Adoption {
  const inWords = sayable(rights);
  if ('impossible' in inWords) return inWords;
  return onRoles(roles, 'allow', inWords.rights);
}

function narrower(rights: readonly Right[], roles: readonly string[]): Adoption {
  const inWords = sayable(rights);
  if ('impossible' in inWords) return inWords;
  return onRoles(roles, 'withdraw', inWords.rights);
}

function sayable(
  rights: readonly Right[],
): { readonly rights: readonly DeclaredRight[] } | { readonly impossible: string } {
  if (rights.length === 0)
    return { impossible: 'a lease holds no roles but those of its DataRoles' };
  const unsayable = rights.filter((right) => declaredRight(right) === undefined);
  if (unsayable.length > 0) {
    return { impossible: `no DataRole can give ${rightsText(unsayable)}` };
  }
  return { rights: rights.map(declaredRight).filter((right) => right !== undefined) };
}

function onRoles(
  roles: readonly string[],
  change: 'allow' | 'withdraw',
  rights: readonly DeclaredRight[],
): Adoption {
  if (roles.length === 0) return never('no DataRole comes to it');
  const builtIn = roles.find(isBuiltIn);
  if (builtIn !== undefined) {
    const name = builtIn.slice(builtIn.indexOf('#') + 1);
    return never(`the built-in role ${name} is what it is; grant a DataRole of your own`);
  }
  return {
    edits: roles.map((id): DeclarationEdit => ({ document: `DataRole/${id}`, change, rights })),
  };
}

/** The privilege that is offered through the view goes. */
function withoutView({ place }: Difference, { desired, policy }: Scope): Adoption {
  const name = place.slice('view '.length);
  const rights: DeclaredRight[] = [{ kind: 'tables', name, action: 'select' }];
  const offering = desired.roles
    .map(({ dataRole }) => policy.roles.get(dataRole))
    .filter((role) =>
      role?.privileges.some(({ as }) => as !== undefined && `${as.schema}.${as.name}` === name),
    )
    .map((role) => role?.id ?? '');
  return onRoles(offering, 'withdraw', rights);
}

/** The Grants that give it go, if they give nothing else. */
function withoutGrants({ place }: Difference, { desired, policy, target }: Scope): Adoption {
  const id = desired.roles.find(({ name }) => place === `role ${name}`)?.dataRole;
  const grants = policy.grants.filter(
    ({ targets, roles }) => targets.has(target.id) && roles.get(target.id) === id,
  );
  const wide = grants.find(({ targets }) => targets.size > 1);
  if (wide) return never(`${wide.rule.name} gives it on other Targets too`);
  if (grants.length === 0) return never('enforcement: Observe needs it');
  return { edits: grants.map(({ rule }) => ({ document: rule.name, change: 'remove' })) };
}

function whyNever(code: DifferenceCode): string {
  if (code.startsWith('lease-')) return 'leases are lent, changed and ended by the gateway alone';
  if (code.startsWith('composite-')) return 'it is made and dropped with the leases that use it';
  if (code.startsWith('view-')) return 'the view is made of what its DataRole says';
  if (code.startsWith('role-'))
    return 'a role of Postern holds what its DataRole says, and no roles';
  if (code.startsWith('procedure-') || code === 'registry-outdated') {
    return 'Postern cannot do without it as it was installed';
  }
  if (/^(owner|broker|reader)-/.test(code))
    return 'accounts of the installation are never declared';
  if (code === 'account-shadowed') return 'one of the two accounts must have another name';
  return 'whoever has no name has no place in a declaration';
}
