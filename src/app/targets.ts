// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { Broker } from '../broker/broker.ts';
import type { CertificateNames } from '../broker/distinguished-name.ts';
import type { Settings } from '../config/settings.ts';
import type { MysqlTargetParts } from '../gateway/mysql/door.ts';
import { StatementCache } from '../gateway/mysql/statements.ts';
import type { UpstreamRoute } from '../gateway/mysql/upstream.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { MysqlSystem, Policy, Target, UpstreamTls } from '../policy/policy.ts';
import type { TlsChoice } from '../target/mysql/login.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import { readMaterial } from './material.ts';
