// SPDX-License-Identifier: Apache-2.0
import { LEASE_BINDING, OBSERVED_STATE } from '../compile/sql/observed-query.ts';
import { FOREIGN_ACCESS } from './foreign-access-query.ts';
import type { ProcedureText } from './lease-dialect.ts';
import { BROKER_PROCEDURES, OWNER_ACCOUNT } from './registry-schema.ts';

/**
 * Everything the broker can make the target do. The caller is not trusted: the procedures run with
 * the owner's rights, so each argument that becomes part of a statement is checked here against a
 * closed shape, whatever the gateway did before.
 *
 * - Shapes are anchored with \A and \z: the caller may SET default_regex_flags='MULTILINE', which
 *   turns ^ and $ into line ends, and $ alone lets a final newline pass.
 * - A routine keeps the sql_mode and charsets it was created with (set in `PROCEDURE_SESSION`), so
 *   the caller's SET sql_mode or SET NAMES gbk cannot change how a quote reads.
 * - Under NO_BACKSLASH_ESCAPES a quote is doubled and nothing else is special; the texts are ASCII.
 * - DDL commits: a row is written before what it stands for exists and deleted after it is gone.
 */
export const PROCEDURE_SESSION =
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', NAMES utf8mb4 COLLATE utf8mb4_bin";

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * Who calls, as bootstrap registered it. An installation cannot touch another's instances: each
 * belongs to the broker account that began it.
 */
const CHECK_INSTANCE = `PROCEDURE postern.check_instance(
  p_instance VARCHAR(64) ${NAME}, OUT o_broker VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_other VARCHAR(128) ${NAME};
  -- USER() is who logged in, name@host; a name may contain @ itself, a host may not.
  SELECT name INTO o_broker FROM postern.broker
    WHERE name = LEFT(USER(), CHAR_LENGTH(USER()) - LOCATE('@', REVERSE(USER())));
  IF o_broker IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern unknown-broker: bootstrap does not know this account';
  END IF;
  IF p_instance IS NULL OR p_instance NOT REGEXP '\\A[a-z0-9-]{1,32}[.][0-9a-f]{8}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-instance: not <installation>.<boot>';
  END IF;
  SELECT broker INTO v_other FROM postern.instance
    WHERE installation = SUBSTRING_INDEX(p_instance, '.', 1) AND broker <> o_broker LIMIT 1;
  IF v_other IS NOT NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern foreign-instance: it belongs to another broker account';
  END IF;
  INSERT INTO postern.instance (id, installation, broker, heartbeat)
    VALUES (p_instance, SUBSTRING_INDEX(p_instance, '.', 1), o_broker, UTC_TIMESTAMP())
    ON DUPLICATE KEY UPDATE heartbeat = UTC_TIMESTAMP();
  COMMIT;
END`;

/**
 * Lock, kill, drop, in that order: DROP alone leaves sessions reading, and without the lock a
 * session could begin between the kill and the drop. The second kill ends a login that had passed
 * the lock's check before it was set.
 */
const END_LEASE = `PROCEDURE postern.end_lease(p_account VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_account VARCHAR(140) DEFAULT CONCAT('''', p_account, '''@''%''');
  IF p_account NOT REGEXP '\\Apostern:[0-9a-f]{6}:[A-Za-z0-9._/@#-]{1,103}:[0-9a-f]{10}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-account: not a managed account';
  END IF;
  UPDATE postern.lease SET state = 'revoked' WHERE account = p_account;
  COMMIT;
  IF EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = p_account AND Host = '%') THEN
    EXECUTE IMMEDIATE CONCAT('ALTER USER ', v_account, ' ACCOUNT LOCK');
    EXECUTE IMMEDIATE CONCAT('KILL HARD USER ', v_account);
    EXECUTE IMMEDIATE CONCAT('DROP USER IF EXISTS ', v_account);
  END IF;
  EXECUTE IMMEDIATE CONCAT('KILL HARD USER ', v_account);
  DELETE FROM postern.lease WHERE account = p_account;
  COMMIT;
END`;

/**
 * One role for one set of base roles, because a MariaDB session activates one role. Its name is
 * the hash of the sorted set; whatever else somebody granted to it makes the lease fail.
 */
const MAKE_COMPOSITE = `PROCEDURE postern.make_composite(
  p_broker VARCHAR(128) ${NAME}, p_roles TEXT ${NAME}, OUT o_composite VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_sorted TEXT ${NAME};
  DECLARE v_found INT;
  DECLARE v_held INT;
  DECLARE v_extra INT;
  IF p_roles IS NULL OR p_roles NOT REGEXP '\\A[A-Za-z0-9._-]{1,128}(,[A-Za-z0-9._-]{1,128}){0,99}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-roles: not a list of role names';
  END IF;
  SET STATEMENT group_concat_max_len = 65535 FOR
    SELECT COUNT(*), GROUP_CONCAT(name ORDER BY name SEPARATOR ',') INTO v_found, v_sorted
    FROM postern.role
    WHERE ready AND broker = p_broker AND FIND_IN_SET(name, p_roles) > 0;
  IF v_found <> 1 + CHAR_LENGTH(p_roles) - CHAR_LENGTH(REPLACE(p_roles, ',', '')) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern role-missing: not every role is installed';
  END IF;
  SET o_composite = CONCAT('pc_', LEFT(SHA2(v_sorted, 256), 32));
  INSERT INTO postern.composite (name, roles, last_used)
    VALUES (o_composite, v_sorted, UTC_TIMESTAMP())
    ON DUPLICATE KEY UPDATE last_used = UTC_TIMESTAMP();
  COMMIT;
  SELECT COUNT(*), IFNULL(SUM(FIND_IN_SET(Role, v_sorted) = 0), 0) INTO v_held, v_extra
    FROM mysql.roles_mapping WHERE User = o_composite AND Host = '';
  IF v_held <> v_found OR v_extra > 0 THEN
    IF v_extra > 0 THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern role-altered: somebody granted a role to a composite role';
    END IF;
    EXECUTE IMMEDIATE CONCAT('CREATE ROLE IF NOT EXISTS \`', o_composite, '\`');
    FOR item IN (SELECT name FROM postern.role
        WHERE broker = p_broker AND FIND_IN_SET(name, v_sorted) > 0) DO
      EXECUTE IMMEDIATE CONCAT('GRANT \`', item.name, '\` TO \`', o_composite, '\`');
    END FOR;
  END IF;
END`;

const LEND = `PROCEDURE postern.lend(
  p_instance VARCHAR(64) ${NAME}, p_account VARCHAR(128) ${NAME},
  p_password_hash VARCHAR(64) ${NAME}, p_roles TEXT ${NAME},
  p_issuer VARCHAR(1024) ${NAME}, p_subject VARCHAR(1024) ${NAME}, p_ttl_seconds INT)
BEGIN
  DECLARE v_broker VARCHAR(128) ${NAME};
  DECLARE v_composite VARCHAR(128) ${NAME};
  DECLARE v_instance VARCHAR(64) ${NAME};
  DECLARE v_state VARCHAR(16) ${NAME};
  DECLARE v_require VARCHAR(5000) ${NAME};
  DECLARE v_transport VARCHAR(512) ${NAME};
  DECLARE v_ssl_type INT;
  DECLARE v_account VARCHAR(140) DEFAULT CONCAT('''', p_account, '''@''%''');
  CALL postern.check_instance(p_instance, v_broker);
  IF p_account IS NULL
     OR p_account NOT REGEXP '\\Apostern:[0-9a-f]{6}:[A-Za-z0-9._/@#-]{1,103}:[0-9a-f]{10}\\z'
     OR SUBSTRING(p_account, 9, 6) <> LEFT(SHA2(p_instance, 256), 6) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-account: not an account of this instance';
  END IF;
  IF p_password_hash IS NULL OR p_password_hash NOT REGEXP '\\A[*][0-9A-F]{40}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-hash: not a mysql_native_password hash';
  END IF;
  IF p_ttl_seconds IS NULL OR p_ttl_seconds NOT BETWEEN 1 AND 604800 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-ttl: not between 1 second and 7 days';
  END IF;
  -- How weak a lease may be was decided by bootstrap, not by the caller.
  SELECT transport INTO v_transport FROM postern.broker WHERE name = v_broker;
  IF p_issuer IS NOT NULL AND p_subject IS NOT NULL THEN
    IF p_issuer NOT REGEXP '\\A/[\\x20-\\x7e]+\\z' OR p_subject NOT REGEXP '\\A/[\\x20-\\x7e]+\\z' THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-certificate: not a one-line name';
    END IF;
    SET v_ssl_type = 3;
    SET v_require = CONCAT(' REQUIRE ISSUER ''', REPLACE(p_issuer, '''', ''''''),
      ''' AND SUBJECT ''', REPLACE(p_subject, '''', ''''''), '''');
  ELSEIF v_transport = 'certificate' OR v_transport IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-certificate: leases here need a client certificate';
  ELSEIF v_transport = 'tls' THEN
    SET v_require = ' REQUIRE SSL', v_ssl_type = 1, p_issuer = NULL, p_subject = NULL;
  ELSE
    SET v_require = ' REQUIRE NONE', v_ssl_type = 0, p_issuer = NULL, p_subject = NULL;
  END IF;
  CALL postern.make_composite(v_broker, p_roles, v_composite);
  SELECT instance, state INTO v_instance, v_state FROM postern.lease WHERE account = p_account;
  IF v_instance <> p_instance OR v_state = 'revoked' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern account-taken: the account is another instance''s, or being revoked';
  END IF;
  IF v_instance IS NULL THEN
    IF EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = p_account) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern account-taken: the account exists and is not registered';
    END IF;
    INSERT INTO postern.lease (account, instance, composite, state, lent_at, expires_at)
      VALUES (p_account, p_instance, v_composite, 'lent', UTC_TIMESTAMP(), UTC_TIMESTAMP());
    COMMIT;
  END IF;
  -- What the account is about to become; \`observe\` compares.
  UPDATE postern.lease SET password_mark = SHA2(p_password_hash, 256),
    binding_mark = ${LEASE_BINDING('v_ssl_type', 'p_issuer', 'p_subject')}
    WHERE account = p_account;
  COMMIT;
  -- IF NOT EXISTS only for an account that is registered: a call may have ended half-way.
  EXECUTE IMMEDIATE CONCAT('CREATE USER ', IF(v_instance IS NULL, '', 'IF NOT EXISTS '), v_account,
    ' IDENTIFIED BY PASSWORD ''', p_password_hash, '''', v_require);
  IF v_instance IS NOT NULL THEN
    EXECUTE IMMEDIATE CONCAT('ALTER USER ', v_account,
      ' IDENTIFIED BY PASSWORD ''', p_password_hash, '''', v_require);
  END IF;
  IF NOT EXISTS (SELECT 1 FROM mysql.roles_mapping
      WHERE Host = '%' AND User = p_account AND Role = v_composite) THEN
    EXECUTE IMMEDIATE CONCAT('GRANT \`', v_composite, '\` TO ', v_account);
  END IF;
  UPDATE postern.lease
    SET composite = v_composite, expires_at = UTC_TIMESTAMP() + INTERVAL p_ttl_seconds SECOND
    WHERE account = p_account;
  COMMIT;
  SELECT v_composite AS composite;
END`;

/** Idempotent: an account that is not there is revoked. */
const REVOKE = `PROCEDURE postern.revoke(
  p_instance VARCHAR(64) ${NAME}, p_account VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_broker VARCHAR(128) ${NAME};
  DECLARE v_instance VARCHAR(64) ${NAME};
  CALL postern.check_instance(p_instance, v_broker);
  SELECT instance INTO v_instance FROM postern.lease WHERE account = p_account;
  IF v_instance = p_instance THEN
    CALL postern.end_lease(p_account);
  ELSEIF v_instance IS NOT NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern foreign-instance: the lease is another instance''s';
  END IF;
END`;

/**
 * The heartbeat; also cleans up after dead instances of the same installation (no heartbeat for
 * p_dead_seconds, at least 30) and finishes revocations that were interrupted. Accounts in use are
 * spared: a gateway that lost only this connection still serves them. Answers with everything the
 * gateway must know: the registry's version, its own accounts, and what every lease holds besides
 * its role.
 */
const SWEEP = `PROCEDURE postern.sweep(
  p_instance VARCHAR(64) ${NAME}, p_dead_seconds INT)
BEGIN
  DECLARE v_broker VARCHAR(128) ${NAME};
  DECLARE v_dead DATETIME DEFAULT
    UTC_TIMESTAMP() - INTERVAL GREATEST(30, IFNULL(p_dead_seconds, 60)) SECOND;
  DECLARE v_installation VARCHAR(32) ${NAME} DEFAULT SUBSTRING_INDEX(p_instance, '.', 1);
  CALL postern.check_instance(p_instance, v_broker);
  -- A bounded share at a time: the broker's other calls wait behind this one.
  FOR item IN (
    SELECT l.account FROM postern.lease l LEFT JOIN postern.instance i ON i.id = l.instance
    WHERE SUBSTRING_INDEX(l.instance, '.', 1) = v_installation AND (l.state = 'revoked' OR (
      (i.id IS NULL OR i.heartbeat < v_dead) AND l.account NOT IN (
        SELECT CONVERT(p.USER USING ascii) COLLATE ascii_bin FROM information_schema.PROCESSLIST p)))
    LIMIT 50) DO
    CALL postern.end_lease(item.account);
  END FOR;
  DELETE FROM postern.instance
    WHERE installation = v_installation AND heartbeat < v_dead
    AND id NOT IN (SELECT instance FROM postern.lease);
  COMMIT;
  FOR item IN (
    SELECT name FROM postern.composite WHERE last_used < UTC_TIMESTAMP() - INTERVAL 1 HOUR
    AND name NOT IN (SELECT composite FROM postern.lease) LIMIT 50) DO
    DELETE FROM postern.composite
      WHERE name = item.name AND last_used < UTC_TIMESTAMP() - INTERVAL 1 HOUR;
    IF ROW_COUNT() = 1 THEN
      COMMIT;
      EXECUTE IMMEDIATE CONCAT('DROP ROLE IF EXISTS \`', item.name, '\`');
    END IF;
  END FOR;
  SELECT 'version' AS kind, value AS holder, '' AS level, '' AS schema_name, '' AS object_name,
      '' AS privileges, '' AS host
    FROM postern.meta WHERE name = 'version'
  UNION ALL SELECT 'transport', transport, '', '', '', '', ''
    FROM postern.broker WHERE name = v_broker
  UNION ALL SELECT 'account', account, state, '', '', '', ''
    FROM postern.lease WHERE instance = p_instance
  UNION ALL ${FOREIGN_ACCESS};
END`;

/** For plan, drift and proof. It takes nothing and changes nothing. */
const OBSERVE = `PROCEDURE postern.observe()
BEGIN
  ${OBSERVED_STATE};
END`;

const BODIES = [CHECK_INSTANCE, END_LEASE, MAKE_COMPOSITE, LEND, REVOKE, SWEEP, OBSERVE];

/** Each procedure's text as the server keeps it, to tell whether it is still ours. */
export function procedureTexts(): readonly { readonly name: string; readonly text: string }[] {
  return BODIES.map(textOf);
}

function textOf(body: string): { readonly name: string; readonly text: string } {
  const name = /postern\.([a-z_]+)/.exec(body)?.[1] ?? '';
  return { name, text: body.slice(body.indexOf('\nBEGIN\n') + 1) };
}

/** In an order in which each finds what it calls. `SQL SECURITY DEFINER` is said, not assumed. */
export const MARIADB_PROCEDURES: readonly ProcedureText[] = BODIES.map((body) => {
  const [head = '', ...rest] = body.split('\nBEGIN\n');
  const text = [`${head}\nSQL SECURITY DEFINER`, ...rest].join('\nBEGIN\n');
  const { name } = textOf(body);
  return {
    ...textOf(body),
    create: [
      `CREATE OR REPLACE DEFINER=${OWNER_ACCOUNT} ${text}`,
      `GRANT EXECUTE ON PROCEDURE postern.${name} TO ${OWNER_ACCOUNT}`,
    ],
  };
});

/** The broker's whole rights, for an account already quoted. */
export function brokerGrants(account: string): readonly string[] {
  return BROKER_PROCEDURES.map(
    (name) => `GRANT EXECUTE ON PROCEDURE postern.${name} TO ${account}`,
  );
}
