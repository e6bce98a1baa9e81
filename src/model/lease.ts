// SPDX-License-Identifier: Apache-2.0
import type { Secret } from './secret.ts';

/** A credential on the target lent to one principal for one privilege set. */
export interface Lease {
  /** The account's name on the target; shows the origin. */
  readonly account: string;
  readonly password: Secret;
  /** Another one for each new password of an account, also when it was removed and made again. */
  readonly issue: number;
  /** The composite role to SET after every login and reset. */
  readonly role: string;
  readonly targetName: string;
  readonly principalId: string;
  readonly privilegeSetId: string;
}
