// SPDX-License-Identifier: Apache-2.0
import type { Secret } from './secret.ts';

/** A credential on the target lent to one principal for one privilege set. */
export interface Lease {
  /** The account's name on the target; shows the origin. */
  readonly account: string;
  readonly password: Secret;
  /** Another one for each new password of an account, also when it was removed and made again. */
  readonly issue: number;
  /** To SET after every login and reset: MariaDB's composite role; MySQL's, with commas between. */
  readonly role: string;
  readonly targetName: string;
  readonly principalId: string;
  readonly privilegeSetId: string;
}
