// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { LEASE_BINDING } from '../../compile/sql/observed-query.ts';
import type { ProcedureText } from '../lease-dialect.ts';
import { OWNER_ACCOUNT } from '../registry-schema.ts';
import { FOREIGN_ACCESS } from './foreign-access-query.ts';

/**
 * The procedures of ../procedures.ts in MySQL's language. What holds there holds here, and besides:
 *
 * - There is no KILL of an account, so its connections are looked up. They are taken from
 *   performance_schema.threads, which names who logged in: the process list names the definer
 *   while a routine of a definer runs, so a lease that is in one would live on.
 * - A lease holds its base roles itself and activates them together; no role stands for a set.
 *   The owner can pass on these roles and no others: it does not hold ROLE_ADMIN.
 * - What is put together is run by `run`, through a user variable of the caller's session. It has
 *   no meaning to anybody else, and nothing stays prepared.
 * - SET SESSION in them stays with the caller's session, which does nothing else.
 */
const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const ACCOUNT_SHAPE = '\\Apn:[0-9a-f]{6}:[A-Za-z0-9._/@#-]{1,11}:[0-9a-f]{10}\\z';

const RUN = `PROCEDURE postern.run(p_sql TEXT CHARACTER SET utf8mb4)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
    DECLARE CONTINUE HANDLER FOR 1243 BEGIN END;
    SET @postern_statement = NULL;
    DEALLOCATE PREPARE postern_statement;
    RESIGNAL;
  END;
  SET @postern_statement = p_sql;
  PREPARE postern_statement FROM @postern_statement;
  EXECUTE postern_statement;
  DEALLOCATE PREPARE postern_statement;
  SET @postern_statement = NULL;
END`;

const CHECK_INSTANCE = `PROCEDURE postern.check_instance(
  p_instance VARCHAR(64) ${NAME}, OUT o_broker VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_other VARCHAR(128) ${NAME};
  SELECT name INTO o_broker FROM postern.broker
    WHERE name = LEFT(USER(), CHAR_LENGTH(USER()) - LOCATE('@', REVERSE(USER())));
  IF o_broker IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern unknown-broker: bootstrap does not know this account';
  END IF;
  IF p_instance IS NULL OR p_instance NOT REGEXP '\\A[a-z0-9-]{1,32}[.][0-9a-f]{8}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-instance: not <installation>.<boot>';
  END IF;
  -- Whoever cannot be seen there could not be ended: then nothing is lent, nor called revoked.
  IF NOT EXISTS (SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID())
     OR (SELECT VARIABLE_VALUE FROM performance_schema.global_status
       WHERE VARIABLE_NAME = 'Performance_schema_thread_instances_lost') <> '0' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern connections-unseen: performance_schema is off or lost connections; see performance_schema_max_thread_instances';
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

/** From the lowest connection id to the highest; one that ends by itself is no matter. */
const KILL_SESSIONS = `PROCEDURE postern.kill_sessions(p_account VARCHAR(32) ${NAME})
BEGIN
  DECLARE v_id BIGINT UNSIGNED;
  DECLARE v_last BIGINT UNSIGNED DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  victims: LOOP
    SELECT MIN(PROCESSLIST_ID) INTO v_id FROM performance_schema.threads
      WHERE PROCESSLIST_USER = p_account AND PROCESSLIST_ID > v_last;
    IF v_id IS NULL THEN LEAVE victims; END IF;
    SET v_last = v_id;
    KILL v_id;
  END LOOP;
END`;

const END_LEASE = `PROCEDURE postern.end_lease(p_account VARCHAR(128) ${NAME})
BEGIN
  DECLARE v_account VARCHAR(140) DEFAULT CONCAT('''', p_account, '''@''%''');
  IF p_account NOT REGEXP '${ACCOUNT_SHAPE}' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-account: not a managed account';
  END IF;
  UPDATE postern.lease SET state = 'revoked' WHERE account = p_account;
  COMMIT;
  IF EXISTS (SELECT 1 FROM mysql.user WHERE User = p_account AND Host = '%') THEN
    CALL postern.run(CONCAT('ALTER USER ', v_account, ' ACCOUNT LOCK'));
    CALL postern.kill_sessions(p_account);
    CALL postern.run(CONCAT('DROP USER IF EXISTS ', v_account));
  END IF;
  CALL postern.kill_sessions(p_account);
  DELETE FROM postern.lease WHERE account = p_account;
  COMMIT;
END`;

/** The set of base roles a lease has, by a name of its own: the hash of the sorted list. */
const MAKE_COMPOSITE = `PROCEDURE postern.make_composite(
  p_broker VARCHAR(128) ${NAME}, p_roles TEXT ${NAME},
  OUT o_composite VARCHAR(128) ${NAME}, OUT o_sorted TEXT ${NAME})
BEGIN
  DECLARE v_found INT;
  IF p_roles IS NULL OR p_roles NOT REGEXP '\\A[A-Za-z0-9._-]{1,32}(,[A-Za-z0-9._-]{1,32}){0,99}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-roles: not a list of role names';
  END IF;
  SET SESSION group_concat_max_len = 65535;
  SELECT COUNT(*), GROUP_CONCAT(name ORDER BY name SEPARATOR ',') INTO v_found, o_sorted
    FROM postern.role WHERE ready AND broker = p_broker AND FIND_IN_SET(name, p_roles) > 0;
  IF v_found <> 1 + CHAR_LENGTH(p_roles) - CHAR_LENGTH(REPLACE(p_roles, ',', '')) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern role-missing: not every role is installed';
  END IF;
  SET o_composite = CONCAT('pc_', LEFT(SHA2(o_sorted, 256), 29));
  INSERT INTO postern.composite (name, roles, last_used)
    VALUES (o_composite, o_sorted, UTC_TIMESTAMP())
    ON DUPLICATE KEY UPDATE last_used = UTC_TIMESTAMP();
  COMMIT;
END`;

/** Exactly the roles of the set, whatever was there: one more makes the lease fail. */
const GIVE_ROLES = `PROCEDURE postern.give_roles(p_account VARCHAR(128) ${NAME}, p_sorted TEXT ${NAME})
BEGIN
  DECLARE v_role VARCHAR(32) ${NAME} DEFAULT '';
  IF EXISTS (SELECT 1 FROM mysql.role_edges WHERE TO_USER = p_account
      AND (FROM_HOST <> '%' OR FIND_IN_SET(FROM_USER, p_sorted) = 0)) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern role-altered: somebody granted a role to a lease';
  END IF;
  roles: LOOP
    SELECT MIN(name) INTO v_role FROM postern.role
      WHERE FIND_IN_SET(name, p_sorted) > 0 AND name > v_role;
    IF v_role IS NULL THEN LEAVE roles; END IF;
    IF NOT EXISTS (SELECT 1 FROM mysql.role_edges WHERE FROM_USER = v_role AND FROM_HOST = '%'
        AND TO_USER = p_account AND TO_HOST = '%') THEN
      CALL postern.run(CONCAT('GRANT \`', v_role, '\` TO ''', p_account, '''@''%'''));
    END IF;
  END LOOP;
END`;

const LEND = `PROCEDURE postern.lend(
  p_instance VARCHAR(64) ${NAME}, p_account VARCHAR(128) ${NAME},
  p_password_hash VARCHAR(255) ${NAME}, p_roles TEXT ${NAME},
  p_issuer VARCHAR(1024) ${NAME}, p_subject VARCHAR(1024) ${NAME}, p_ttl_seconds INT)
BEGIN
  DECLARE v_broker VARCHAR(128) ${NAME};
  DECLARE v_composite VARCHAR(128) ${NAME};
  DECLARE v_sorted TEXT ${NAME};
  DECLARE v_instance VARCHAR(64) ${NAME};
  DECLARE v_state VARCHAR(16) ${NAME};
  DECLARE v_login VARCHAR(5000) ${NAME};
  DECLARE v_transport VARCHAR(512) ${NAME};
  DECLARE v_ssl_type VARCHAR(16) ${NAME};
  DECLARE v_account VARCHAR(140) DEFAULT CONCAT('''', p_account, '''@''%''');
  CALL postern.check_instance(p_instance, v_broker);
  IF p_account IS NULL OR p_account NOT REGEXP '${ACCOUNT_SHAPE}'
     OR SUBSTRING(p_account, 4, 6) <> LEFT(SHA2(p_instance, 256), 6) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-account: not an account of this instance';
  END IF;
  IF p_password_hash IS NULL OR p_password_hash NOT REGEXP '\\A24412430303524[0-9A-F]{126}\\z' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-hash: not a caching_sha2_password hash';
  END IF;
  IF p_ttl_seconds IS NULL OR p_ttl_seconds NOT BETWEEN 1 AND 604800 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-ttl: not between 1 second and 7 days';
  END IF;
  SET v_login = CONCAT(' IDENTIFIED WITH caching_sha2_password AS 0x', p_password_hash);
  SELECT transport INTO v_transport FROM postern.broker WHERE name = v_broker;
  IF p_issuer IS NOT NULL AND p_subject IS NOT NULL THEN
    IF p_issuer NOT REGEXP '\\A/[\\x20-\\x7e]+\\z' OR p_subject NOT REGEXP '\\A/[\\x20-\\x7e]+\\z' THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-certificate: not a one-line name';
    END IF;
    SET v_ssl_type = 'SPECIFIED';
    SET v_login = CONCAT(v_login, ' REQUIRE ISSUER ''', REPLACE(p_issuer, '''', ''''''),
      ''' AND SUBJECT ''', REPLACE(p_subject, '''', ''''''), '''');
  ELSEIF v_transport = 'certificate' OR v_transport IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern bad-certificate: leases here need a client certificate';
  ELSE
    SET v_ssl_type = 'ANY', v_login = CONCAT(v_login, ' REQUIRE SSL'), p_issuer = NULL, p_subject = NULL;
  END IF;
  CALL postern.make_composite(v_broker, p_roles, v_composite, v_sorted);
  SELECT instance, state INTO v_instance, v_state FROM postern.lease WHERE account = p_account;
  IF v_instance <> p_instance OR v_state = 'revoked' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern account-taken: the account is another instance''s, or being revoked';
  END IF;
  IF v_instance IS NULL THEN
    IF EXISTS (SELECT 1 FROM mysql.user WHERE User = p_account) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postern account-taken: the account exists and is not registered';
    END IF;
    INSERT INTO postern.lease (account, instance, composite, state, lent_at, expires_at)
      VALUES (p_account, p_instance, v_composite, 'lent', UTC_TIMESTAMP(), UTC_TIMESTAMP());
    COMMIT;
  END IF;
  -- What the account is about to become.
  UPDATE postern.lease SET password_mark = SHA2(p_password_hash, 256),
    binding_mark = ${LEASE_BINDING('v_ssl_type', 'p_issuer', 'p_subject')}
    WHERE account = p_account;
  COMMIT;
  CALL postern.run(CONCAT('CREATE USER ', IF(v_instance IS NULL, '', 'IF NOT EXISTS '), v_account,
    v_login, ' PASSWORD EXPIRE NEVER'));
  IF v_instance IS NOT NULL THEN
    CALL postern.run(CONCAT('ALTER USER ', v_account, v_login));
  END IF;
  CALL postern.give_roles(p_account, v_sorted);
  UPDATE postern.lease
    SET composite = v_composite, expires_at = UTC_TIMESTAMP() + INTERVAL p_ttl_seconds SECOND
    WHERE account = p_account;
  COMMIT;
  SELECT v_sorted AS roles;
END`;

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
 * Ends besides what MariaDB's does the connections of accounts that are in no lease: a login that
 * had passed the lock's check may have become visible after the last kill of its revocation.
 */
const SWEEP = `PROCEDURE postern.sweep(
  p_instance VARCHAR(64) ${NAME}, p_dead_seconds INT)
BEGIN
  DECLARE v_broker VARCHAR(128) ${NAME};
  DECLARE v_account VARCHAR(128) ${NAME} DEFAULT '';
  DECLARE v_share INT DEFAULT 50;
  DECLARE v_dead DATETIME DEFAULT
    UTC_TIMESTAMP() - INTERVAL GREATEST(30, IFNULL(p_dead_seconds, 60)) SECOND;
  DECLARE v_installation VARCHAR(32) ${NAME} DEFAULT SUBSTRING_INDEX(p_instance, '.', 1);
  CALL postern.check_instance(p_instance, v_broker);
  leases: LOOP
    SELECT MIN(l.account) INTO v_account
      FROM postern.lease l LEFT JOIN postern.instance i ON i.id = l.instance
      WHERE SUBSTRING_INDEX(l.instance, '.', 1) = v_installation AND l.account > v_account
      AND (l.state = 'revoked' OR ((i.id IS NULL OR i.heartbeat < v_dead) AND NOT EXISTS (
        SELECT 1 FROM performance_schema.threads t WHERE t.PROCESSLIST_USER = l.account)));
    IF v_account IS NULL OR v_share = 0 THEN LEAVE leases; END IF;
    SET v_share = v_share - 1;
    CALL postern.end_lease(v_account);
  END LOOP;
  SET v_account = '';
  strays: LOOP
    SELECT MIN(t.PROCESSLIST_USER) INTO v_account FROM performance_schema.threads t
      WHERE t.PROCESSLIST_USER > v_account AND t.PROCESSLIST_USER REGEXP '${ACCOUNT_SHAPE}'
      AND NOT EXISTS (SELECT 1 FROM postern.lease l WHERE l.account = t.PROCESSLIST_USER);
    IF v_account IS NULL THEN LEAVE strays; END IF;
    CALL postern.kill_sessions(v_account);
  END LOOP;
  DELETE FROM postern.instance
    WHERE installation = v_installation AND heartbeat < v_dead
    AND id NOT IN (SELECT instance FROM postern.lease);
  DELETE FROM postern.composite WHERE last_used < UTC_TIMESTAMP() - INTERVAL 1 HOUR
    AND name NOT IN (SELECT composite FROM postern.lease);
  COMMIT;
  SELECT 'version' AS kind, value AS holder, '' AS level, '' AS schema_name, '' AS object_name,
      '' AS privileges, '' AS host
    FROM postern.meta WHERE name = 'version'
  UNION ALL SELECT 'transport', CONCAT(transport, ''), '', '', '', '', ''
    FROM postern.broker WHERE name = v_broker
  UNION ALL SELECT 'account', account, CONCAT(state, ''), '', '', '', ''
    FROM postern.lease WHERE instance = p_instance
  UNION ALL ${FOREIGN_ACCESS};
END`;

const BODIES = [
  RUN,
  CHECK_INSTANCE,
  KILL_SESSIONS,
  END_LEASE,
  MAKE_COMPOSITE,
  GIVE_ROLES,
  LEND,
  REVOKE,
  SWEEP,
];

/** There is no CREATE OR REPLACE: what is there and is the same is left, see `mark`. */
export const MYSQL_PROCEDURES: readonly ProcedureText[] = BODIES.map((body) => {
  const name = /postern\.([a-z_]+)/.exec(body)?.[1] ?? '';
  const [head = ''] = body.split('\nBEGIN\n');
  const text = body.slice(body.indexOf('\nBEGIN\n') + 1);
  const mark = createHash('sha256').update(body).digest('hex');
  return {
    name,
    text,
    mark,
    create: [
      `DROP PROCEDURE IF EXISTS postern.${name}`,
      `CREATE DEFINER=${OWNER_ACCOUNT} ${head}\nCOMMENT '${mark}'\nSQL SECURITY DEFINER\n${text}`,
      `GRANT EXECUTE ON PROCEDURE postern.${name} TO ${OWNER_ACCOUNT}`,
    ],
  };
});
