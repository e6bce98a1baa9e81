// SPDX-License-Identifier: Apache-2.0
import { describeDatabaseAlone } from '../support/database-alone.ts';

describeDatabaseAlone({
  server: 'MariaDB',
  sql: 'CREATE SEQUENCE vault.numbers;',
  reads: (table) => [
    `EXECUTE IMMEDIATE 'SELECT * FROM ${table}'`,
    `EXECUTE IMMEDIATE 'HANDLER ${table} OPEN AS g'`,
    `BEGIN NOT ATOMIC SELECT id FROM ${table}; END`,
  ],
  elsewhere: [
    'SELECT * FROM mysql.global_priv',
    'SELECT * FROM mysql.proc',
    'UPDATE mysql.global_priv SET Priv = 1',
    'SELECT NEXT VALUE FOR vault.numbers',
    'SELECT LASTVAL(vault.numbers)',
    'GRANT SELECT ON shop.orders TO PUBLIC',
    'SET PASSWORD FOR root@localhost = PASSWORD("x")',
    'BACKUP STAGE START',
    "INSTALL SONAME 'ha_spider'",
  ],
  privilegeErrors: new Set([1044, 1045, 1142, 1143, 1227, 1345, 1370, 1419, 1959]),
  noLocalFiles: /disabled the local infile capability/,
});
