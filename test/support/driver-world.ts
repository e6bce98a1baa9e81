// SPDX-License-Identifier: Apache-2.0
import { startSidecar } from './sidecar.ts';
import { World } from './world.ts';

/** Where a driver connects, and with what. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Set: TLS of the protocol, verified against this PEM file. */
  readonly caFile?: string;
}

export type FrontEnd = 'direct' | 'token' | 'mesh';

/** The rights of the operations in the driver matrix, with room for temporary tables. */
const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: everything-in-shop, namespace: data}
spec:
  privileges:
    - {tables: ["shop.*"], actions: [select, insert, update, delete, temporary]}
    - {routines: [shop.several, shop.order_count], actions: [execute]}
  guardrails: {localInfile: Allow}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: driver-matrix, namespace: data}
spec:
  subjects:
    - {group: {provider: people, id: drivers}}
    - {workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [tests/drivers]}}
  targetSelector: {matchLabels: {app: orders}}
  role: everything-in-shop
`;

const SQL = `
USE shop;
SET GLOBAL max_allowed_packet = 67108864;
SET GLOBAL local_infile = 1;
CREATE TABLE shop.things (id INT PRIMARY KEY AUTO_INCREMENT, k VARCHAR(64) UNIQUE, v VARCHAR(300),
  n BIGINT, d DECIMAL(30,10), t DATETIME(6), b LONGBLOB);
CREATE TABLE shop.numbers (n INT PRIMARY KEY, pad VARCHAR(64));
INSERT INTO shop.numbers SELECT seq, CONCAT('row ', seq, ' ', REPEAT('x', seq % 40)) FROM seq_1_to_100000;
CREATE TABLE shop.types (id INT PRIMARY KEY, ti TINYINT, si SMALLINT UNSIGNED, mi MEDIUMINT, bi BIGINT,
  bu BIGINT UNSIGNED, f FLOAT, db DOUBLE, de DECIMAL(40,15), da DATE, ti6 TIME(6), dt DATETIME(3), ts TIMESTAMP(6) NULL,
  y YEAR, c CHAR(10), vb VARBINARY(20), tx MEDIUMTEXT, en ENUM('a','b'), se SET('x','y','z'), bt BIT(17), js JSON, g POINT, u UUID);
INSERT INTO shop.types VALUES
 (1, -128, 65535, -8388608, -9223372036854775808, 18446744073709551615, 1.5, 2.25e-300, -1234567890123456789012345.000000000000001,
  '1000-01-01', '-838:59:59.000001', '9999-12-31 23:59:59.999', '2038-01-19 03:14:07.999999', 1901, 'caf\u00e9', X'00FF10', REPEAT('\u20ac', 30000),
  'b', 'x,z', b'10000000000000001', '{"a": [1, null]}', POINT(1, 2), 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'),
 (2, ${Array(22).fill('NULL').join(', ')}),
 (3, 0, 0, 0, 0, 0, 0, 0, 0, '0001-01-01', '00:00:00', '1970-01-01 00:00:00', '2001-01-01 00:00:00', 2000, '', '', '', 'a', '', 0, '0', POINT(0, 0),
  '00000000-0000-0000-0000-000000000000');
CREATE PROCEDURE shop.several() SQL SECURITY DEFINER
BEGIN
  SELECT 1 AS first;
  SELECT id, note FROM shop.orders ORDER BY id LIMIT 2;
  SELECT 1 FROM shop.orders WHERE FALSE;
  UPDATE shop.things SET v = v WHERE FALSE;
END;
CREATE USER direct@'127.0.0.1' IDENTIFIED BY 'direct';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON shop.* TO direct@'127.0.0.1';
GRANT EXECUTE ON PROCEDURE shop.several TO direct@'127.0.0.1';
GRANT EXECUTE ON PROCEDURE shop.order_count TO direct@'127.0.0.1';
`;

/** A world whose database can be reached in three ways with the same rights. */
export class DriverWorld {
  readonly world: World;
  readonly places: Readonly<Record<FrontEnd, Place>>;
  readonly #stop: () => Promise<void>;

  private constructor(world: World, places: Record<FrontEnd, Place>, stop: () => Promise<void>) {
    this.world = world;
    this.places = places;
    this.#stop = stop;
  }

  static async start(listeners: readonly string[] = []): Promise<DriverWorld> {
    const world = await World.start({ extraPolicy: POLICY, extraSql: SQL, listeners });
    try {
      const sidecar = await startSidecar(world, await world.workload('tests', 'drivers'));
      const places = {
        direct: { host: '127.0.0.1', port: world.mariadb.port, user: 'direct', password: 'direct' },
        token: {
          host: 'localhost',
          port: world.port('token'),
          user: 'me',
          password: world.token('dora', ['drivers']),
          caFile: world.path('server-ca.pem'),
        },
        mesh: { host: '127.0.0.1', port: sidecar.port, user: 'anybody', password: '' },
      };
      return new DriverWorld(world, places, async () => {
        await sidecar.close();
        await world.stop();
      });
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  /** Every run begins with the same rows and the same next AUTO_INCREMENT. */
  async reset(): Promise<void> {
    await this.world.mariadb.rootQuery('TRUNCATE shop.things');
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
