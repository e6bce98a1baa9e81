// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  ObservedAccount,
  ObservedRight,
  ObservedState,
} from '../../src/compile/sql/observed.ts';
import { GLOBAL_PRIVILEGES } from '../../src/compile/sql/observed-privilege.ts';
import type { Right } from '../../src/compile/sql/right.ts';
import { agrees } from '../../src/prove/proof.ts';
import { sqlDeclaration } from '../support/proof-declarations.ts';
import {
  asDeclared,
  caseText,
  checkedPolicy,
  editServer,
  type Planted,
  proofOf,
} from '../support/proof-world.ts';

const ORDERS = 'data/orders';
const LEASE = 'postern:checkout';
const COMPOSITE = 'pc_checkout';
const NONE = { schema: '', object: '', column: '' };
const onTable = (path: string): Omit<Right, 'privilege'> => {
  const [schema = '', object = ''] = path.split('.');
  return { level: 'table', schema, object, column: '' };
};
const onSchema = (schema: string) => ({ ...NONE, level: 'schema' as const, schema });
const everywhere = { ...NONE, level: 'global' as const };
const right = (
  user: string,
  host: string,
  privilege: string,
  place: Omit<Right, 'privilege'>,
): ObservedRight => ({ user, host, ...place, privilege });
const account = (user: string, host: string, more: Partial<ObservedAccount> = {}) => ({
  user,
  host,
  isRole: host === '',
  locked: false,
  passwordOnly: true,
  defaultRole: '',
  requires: { type: 'none' as const, issuer: '', subject: '' },
  ...more,
});

/** A server in use: its own accounts, and a lease that is lent. */
function inUse(): Planted {
  const planted = asDeclared(checkedPolicy(sqlDeclaration()));
  editServer(planted, ORDERS, ({ accounts, rights, members, registry }) => {
    const role = roleOf(planted, 'data/orders-writer');
    const lease = { account: LEASE, broker: 'postern_broker', composite: COMPOSITE };
    return {
      accounts: [
        ...accounts,
        account('root', 'localhost'),
        account('PUBLIC', ''),
        account(LEASE, '%'),
        account(COMPOSITE, ''),
      ],
      rights: [
        ...rights,
        ...GLOBAL_PRIVILEGES.map((name) => right('root', 'localhost', name, everywhere)),
      ],
      members: [
        ...members,
        { user: LEASE, host: '%', role: COMPOSITE, admin: false },
        { user: COMPOSITE, host: '', role, admin: false },
      ],
      registry: {
        ...registry,
        composites: [{ name: COMPOSITE, roles: [role] }],
        leases: [{ ...lease, state: 'lent', passwordAsLent: true, bindingAsLent: true }],
      },
    };
  });
  return planted;
}

function roleOf(planted: Planted, dataRole: string): string {
  const { desired } = planted.databases.get(ORDERS)?.scope ?? { desired: undefined };
  return desired?.roles.find((one) => one.dataRole === dataRole)?.name ?? '';
}

const withoutHash = (text: string) => text.replace(/postern_view_[0-9a-f]+/, 'postern_view_HASH');

interface Fault {
  readonly name: string;
  readonly plant: (state: ObservedState, role: string) => Partial<ObservedState>;
  readonly found: readonly string[];
  readonly by: RegExp;
  readonly declared: RegExp;
}

const addRight =
  (...more: readonly ObservedRight[]) =>
  ({ rights }: ObservedState) => ({ rights: [...rights, ...more] });
const CHECKOUT = `exceeds database ${ORDERS}: workload/prod/payments/checkout`;
const NOT_GIVEN = /^deny: Its roles \(data\/orders-writer\) do not give this/;
const NO_ACCOUNT = /^deny: It is no account of Postern and no declared operator/;
const bob = account('bob', '%');

const FAULTS: readonly Fault[] = [
  {
    name: 'a right was left behind on a role',
    plant: ({ rights }, role) => ({
      rights: [...rights, right(role, '', 'DELETE', onTable('shop.orders'))],
    }),
    found: [`${CHECKOUT} delete shop.orders`],
    by: /^DELETE on shop\.orders of pr_data\.orders-writer_/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a role was granted on a whole schema by a pattern that fits others too',
    plant: ({ rights }, role) => ({
      rights: [...rights, right(role, '', 'SELECT', onSchema('shop_x'))],
    }),
    found: [`${CHECKOUT} select shopax.*`],
    by: /^SELECT on shop_x\.\* of pr_data/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a stranger is still a member of a role',
    plant: ({ accounts, members }, role) => ({
      accounts: [...accounts, bob],
      members: [...members, { user: 'bob', host: '%', role, admin: false }],
    }),
    found: [`exceeds database ${ORDERS}: account bob@% select shop.orders`],
    by: /^SELECT on shop\.orders of pr_data/,
    declared: NO_ACCOUNT,
  },
  {
    name: 'somebody added a role to the one that is lent',
    plant: ({ accounts, rights, members }) => ({
      accounts: [...accounts, account('extra', '')],
      rights: [...rights, right('extra', '', 'SELECT', onTable('shop.salaries'))],
      members: [...members, { user: COMPOSITE, host: '', role: 'extra', admin: false }],
    }),
    found: [`${CHECKOUT} select shop.salaries`],
    by: /^SELECT on shop\.salaries of extra$/,
    declared: NOT_GIVEN,
  },
  {
    name: 'PUBLIC holds a right',
    plant: addRight(right('PUBLIC', '', 'INSERT', onTable('shop.customers'))),
    found: [`${CHECKOUT} insert shop.customers`],
    by: /^INSERT on shop\.customers of PUBLIC$/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a row without a user name counts for every account (stock test%)',
    plant: addRight(right('', '%', 'CREATE', onSchema('test%'))),
    found: [`${CHECKOUT} create test.*`],
    by: /^CREATE on test%\.\* of ''@%$/,
    declared: NOT_GIVEN,
  },
  {
    name: 'an anonymous account can log in and read',
    plant: ({ accounts, rights }) => ({
      accounts: [...accounts, account('', 'localhost')],
      rights: [...rights, right('', 'localhost', 'SELECT', onTable('shop.orders'))],
    }),
    found: [`exceeds database ${ORDERS}: account ''@localhost select shop.orders`],
    by: /^SELECT on shop\.orders of ''@localhost$/,
    declared: NO_ACCOUNT,
  },
  {
    name: 'a definer view shows one column more',
    plant: ({ views, rights }) => ({
      views: views.map((view) => ({
        ...view,
        text: 'select `shop`.`customers`.`id` AS `id`,`shop`.`customers`.`email` AS `email` from `shop`.`customers`',
      })),
      rights: rights.map((one) =>
        one.column === 'name' && one.object === 'customers' ? { ...one, column: 'email' } : one,
      ),
    }),
    found: [`${CHECKOUT} select shop.customers (id, email)`],
    by: /through view shop\.customers_public$/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a definer routine that nobody declared runs as root',
    plant: ({ routines, rights }, role) => ({
      routines: [
        ...routines,
        {
          ...{ type: 'PROCEDURE' as const, schema: 'shop', name: 'anything', bodySha256: 'x' },
          ...{ definer: 'root@localhost', security: 'DEFINER' as const },
        },
      ],
      rights: [
        ...rights,
        right(role, '', 'EXECUTE', { ...onTable('shop.anything'), level: 'procedure' }),
      ],
    }),
    found: [`${CHECKOUT} execute shop.anything()`, `${CHECKOUT} select *.*`],
    by: /^EXECUTE on procedure shop\.anything of pr_data/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a column was granted past the view, and HANDLER reads the whole row',
    plant: ({ rights }, role) => ({
      rights: [
        ...rights,
        right(role, '', 'SELECT', { ...onTable('shop.customers'), level: 'column', column: 'id' }),
      ],
    }),
    found: [`${CHECKOUT} select shop.customers`],
    by: /^SELECT on shop\.customers \(id\) of pr_data.* through HANDLER$/,
    declared: NOT_GIVEN,
  },
  {
    name: 'a role may be passed on by a stranger',
    plant: ({ accounts, members }, role) => ({
      accounts: [...accounts, bob],
      members: [...members, { user: 'bob', host: '%', role, admin: true }],
    }),
    found: [`exceeds database ${ORDERS}: account bob@% select shop.orders`],
    by: /./,
    declared: NO_ACCOUNT,
  },
  {
    name: 'somebody may log in as a lease',
    plant: ({ accounts, proxies }) => ({
      accounts: [...accounts, bob],
      proxies: [...proxies, { user: 'bob', host: '%', proxiedUser: LEASE, proxiedHost: '%' }],
    }),
    found: [`exceeds database ${ORDERS}: account bob@% select shop.orders`],
    by: /through proxy of postern:checkout@%$/,
    declared: NO_ACCOUNT,
  },
  {
    name: 'a lease was given a right of its own',
    plant: addRight(right(LEASE, '%', 'DROP', onTable('shop.orders'))),
    found: [`exceeds database ${ORDERS}: account postern:checkout@% drop shop.orders`],
    by: /^DROP on shop\.orders of postern:checkout@%$/,
    declared: /^deny: It was lent with data\/orders-writer/,
  },
  {
    name: 'a role may pass its rights on',
    plant: ({ rights }, role) => ({
      rights: [...rights, right(role, '', 'GRANT OPTION', onTable('shop.orders'))],
    }),
    found: [`${CHECKOUT} GRANT OPTION shop.orders`],
    by: /^GRANT OPTION on shop\.orders of pr_data/,
    declared: NOT_GIVEN,
  },
  {
    name: 'the broker account reads data',
    plant: addRight(right('postern_broker', '%', 'SELECT', onSchema('shop'))),
    found: [`exceeds database ${ORDERS}: account postern_broker@% select shop.*`],
    by: /^SELECT on shop\.\* of postern_broker@%$/,
    declared: /^deny: It belongs to Postern, and is to reach nothing but its procedures/,
  },
  {
    name: 'the account behind a view was unlocked',
    plant: ({ accounts }) => ({
      accounts: accounts.map((one) =>
        one.user.startsWith('postern_view_') ? { ...one, locked: false } : one,
      ),
    }),
    found: [
      `exceeds database ${ORDERS}: account postern_view_HASH@localhost select shop.customers`,
    ],
    by: /^SELECT on shop\.customers \(id\) of postern_view_/,
    declared: /^deny: It belongs to Postern/,
  },
  {
    name: 'a stranger holds everything there is',
    plant: ({ accounts, rights }) => ({
      accounts: [...accounts, bob],
      rights: [...rights, right('bob', '%', 'CREATE USER', everywhere)],
    }),
    found: [`exceeds database ${ORDERS}: account bob@% CREATE USER *.*`],
    by: /^CREATE USER on \*\.\* of bob@%/,
    declared: NO_ACCOUNT,
  },
  {
    name: 'a right was taken from a role',
    plant: ({ rights }, role) => ({
      rights: rights.filter(({ user, privilege }) => user !== role || privilege !== 'UPDATE'),
    }),
    found: [`refuses database ${ORDERS}: workload/prod/payments/checkout update shop.orders`],
    by: /^no right of data\/orders-writer$/,
    declared: /^allow: It is declared by Grant\/data\/checkout/,
  },
  {
    name: 'a role is gone',
    plant: ({ accounts, rights, members }, role) => ({
      accounts: accounts.filter(({ user }) => user !== role),
      rights: rights.filter(({ user }) => user !== role),
      members: members.filter((one) => one.role !== role),
    }),
    found: [`refuses database ${ORDERS}: workload/prod/payments/checkout select shop.orders`],
    by: /^no right of data\/orders-writer$/,
    declared: /^allow: It is declared by Grant\/data\/checkout/,
  },
];

describe('faults planted into a database', () => {
  const alone = (planted: Planted) => proofOf({ ...planted, meshes: [] });

  it('finds none in a server in use', () => {
    const proof = alone(inUse());
    deepEqual(proof.counterExamples, []);
    equal(agrees(proof), true, JSON.stringify(proof.layers));
  });

  for (const { name, plant, found, by, declared } of FAULTS) {
    it(name, () => {
      const planted = inUse();
      const role = roleOf(planted, 'data/orders-writer');
      editServer(planted, ORDERS, (state) => plant(state, role));
      const proof = alone(planted);
      deepEqual(proof.counterExamples.map(caseText).map(withoutHash), found);
      const [first] = proof.counterExamples;
      match(first?.by ?? '', by);
      match(`${first?.declared.effect}: ${first?.declared.text}`, declared);
      equal(agrees(proof), false);
    });
  }
});
