// SPDX-License-Identifier: Apache-2.0
import { refusalText } from '../../identity/refusal-text.ts';
import type { DenialReason } from '../../model/decision.ts';

/** How a denial looks on the wire: server errno, SQLSTATE, and whether the peer hears the detail. */
export interface MysqlDenial {
  readonly errno: number;
  readonly sqlState: string;
  /** False: a sentence by the reason alone; the detail is for the audit only. */
  readonly showsDetail: boolean;
}

const accessDenied: MysqlDenial = { errno: 1045, sqlState: '28000', showsDetail: false };
const unavailable: MysqlDenial = { errno: 1158, sqlState: '08S01', showsDetail: true };
const ruled: MysqlDenial = { errno: 1142, sqlState: '42000', showsDetail: true };
const refused: MysqlDenial = { errno: 1148, sqlState: '42000', showsDetail: true };
const limited: MysqlDenial = { errno: 1226, sqlState: '42000', showsDetail: true };
const ended: MysqlDenial = { errno: 1927, sqlState: '70100', showsDetail: true };

/**
 * Errno and SQLSTATE follow what MariaDB itself would answer in the nearest case, so that drivers
 * classify denials correctly (1142 = no right on a table, 1226 = resource limit, 1927 = connection
 * was killed).
 */
export const MYSQL_DENIALS: Readonly<Record<DenialReason, MysqlDenial>> = {
  anonymous: accessDenied,
  'token-malformed': accessDenied,
  'token-algorithm': accessDenied,
  'token-issuer-unknown': accessDenied,
  'token-key-unknown': accessDenied,
  'token-signature': accessDenied,
  'token-audience': accessDenied,
  'token-expired': accessDenied,
  'token-not-yet-valid': accessDenied,
  'token-claims': accessDenied,
  'token-oversize': accessDenied,
  'token-reviewed': accessDenied,
  'groups-unknown': { ...accessDenied, showsDetail: true },
  'ticket-unknown': accessDenied,
  'ticket-secret': accessDenied,
  'ticket-ended': accessDenied,
  'ticket-target': accessDenied,
  'certificate-untrusted': accessDenied,
  'certificate-expired': accessDenied,
  'certificate-not-leaf': accessDenied,
  'certificate-usage': accessDenied,
  'certificate-identity': accessDenied,
  'proxy-identity': accessDenied,
  'provider-unavailable': accessDenied,
  'identity-changed': accessDenied,
  'identity-expired': ended,
  'target-unresolved': { errno: 1049, sqlState: '42000', showsDetail: true },
  'target-unavailable': unavailable,
  'no-grant': { errno: 1044, sqlState: '42000', showsDetail: true },
  'denied-by-rule': { errno: 1044, sqlState: '42000', showsDetail: true },
  'not-permitted': ruled,
  'condition-not-met': ruled,
  revoked: ended,
  'grant-expired': ended,
  'statement-unparsed': { errno: 1064, sqlState: '42000', showsDetail: true },
  'statement-kind': refused,
  'statement-charset': { errno: 1115, sqlState: '42000', showsDetail: true },
  'session-state-unknown': refused,
  'command-denied': refused,
  'multi-statement': refused,
  'local-infile': { errno: 4166, sqlState: 'HY000', showsDetail: true },
  'require-where': { errno: 1175, sqlState: 'HY000', showsDetail: true },
  'limit-connections': { errno: 1203, sqlState: '42000', showsDetail: true },
  'limit-rate': limited,
  'limit-rows': limited,
  'limit-time': { errno: 1969, sqlState: '70100', showsDetail: true },
  'limit-size': { errno: 1153, sqlState: '08S01', showsDetail: true },
  'limit-memory': { errno: 1041, sqlState: 'HY000', showsDetail: true },
  'request-cancelled': { errno: 1317, sqlState: '70100', showsDetail: true },
  'audit-unavailable': unavailable,
  'lease-unavailable': unavailable,
  'lease-role-missing': unavailable,
  'lease-exceeds-policy': unavailable,
  draining: { errno: 1053, sqlState: '08S01', showsDetail: true },
  'session-expired': ended,
  'session-killed': ended,
};

/** Text of an ERR; the refusal of a proof gives nothing away that its bearer did not bring. */
export function denialMessage(reason: DenialReason, detail: string, id: string): string {
  const { showsDetail } = MYSQL_DENIALS[reason];
  const what = showsDetail ? `${detail.replace(/\.$/, '')} [${reason}]` : refusalText(reason);
  return `Postern: ${what}. Decision ${id}: postern explain ${id}`;
}
