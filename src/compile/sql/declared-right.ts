// SPDX-License-Identifier: Apache-2.0
import type { DeclaredRight } from '../../model/finding.ts';
import { ACTIONS } from '../../model/request.ts';
import { columnPrivilegeFor, DEFINER_ACTIONS, privilegeFor } from './privilege-names.ts';
import { escapePattern } from './quote.ts';
import type { Right } from './right.ts';

/** A right of the target in the words of a DataRole; undefined where no DataRole can say it. */
export function declaredRight(right: Right): DeclaredRight | undefined {
  const { level, schema, object, column, privilege } = right;
  const path = `${schema}.${object}`;
  switch (level) {
    case 'global':
      return undefined;
    case 'procedure':
    case 'function': {
      if (privilege !== 'EXECUTE') return undefined;
      return { kind: 'routines', name: path, action: 'execute' };
    }
    case 'schema': {
      const plain = schema.replace(/\\([_%])/g, '$1');
      const action = actionFor((one) => privilegeFor(one, 'schema') === privilege);
      // What is a pattern still cannot be declared: a DataRole names schemas.
      if (action === undefined || escapePattern(plain) !== schema) return undefined;
      return { kind: 'tables', name: `${plain}.*`, action };
    }
    case 'table': {
      const action = actionFor((one) => privilegeFor(one, 'table') === privilege);
      return action === undefined ? undefined : { kind: 'tables', name: path, action };
    }
    case 'column': {
      const action = actionFor((one) => columnPrivilegeFor(one) === privilege);
      return action === undefined ? undefined : { kind: 'tables', name: path, action, column };
    }
  }
}

function actionFor(test: (action: (typeof ACTIONS)[number]) => boolean): string | undefined {
  return ACTIONS.find((action) => !DEFINER_ACTIONS.has(action) && test(action));
}
