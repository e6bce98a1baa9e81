// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import type { Secret } from '../../model/secret.ts';
import {
  CACHING_SHA2_PASSWORD,
  FAST_AUTH_SUCCESS,
  PERFORM_FULL_AUTHENTICATION,
  scrambleSha2,
} from '../../wire/mysql/auth/caching-sha2.ts';
import { CLEAR_PASSWORD, encodeClearPassword } from '../../wire/mysql/auth/clear-password.ts';
import {
  CHALLENGE_BYTES,
  NATIVE_PASSWORD,
  scrambleNative,
} from '../../wire/mysql/auth/native-password.ts';

/** How far the connection may be trusted with a password as it is. */
export interface PasswordRules {
  /** For caching_sha2_password's full exchange: TLS or a Unix socket. */
  readonly overSecureTransport: boolean;
  /** For mysql_clear_password: verified TLS, and the caller said so. */
  readonly clear: boolean;
}

type Refuse = (problem: string) => PosternError;

/** The upstream's side of a login, plugin by plugin; pure, the caller moves the messages. */
export class Authenticator {
  readonly #password: Secret;
  readonly #rules: PasswordRules;
  readonly #refuse: Refuse;
  #plugin = '';
  #switched = false;

  constructor(password: Secret, rules: PasswordRules, refuse: Refuse) {
    this.#password = password;
    this.#rules = rules;
    this.#refuse = refuse;
  }

  /**
   * The first answer, to the greeting. A plugin we do not have (or will not use unasked) is
   * answered with the oldest one, and the server switches to what the account needs.
   */
  first(plugin: string, challenge: Buffer): { plugin: string; response: Buffer } {
    this.#plugin = plugin === CACHING_SHA2_PASSWORD ? plugin : NATIVE_PASSWORD;
    return { plugin: this.#plugin, response: this.#scramble(challenge) };
  }

  /** The answer to an AuthSwitchRequest; there is one at most. */
  switchTo(plugin: string, challenge: Buffer): Buffer {
    if (this.#switched) {
      throw new PosternError('unexpected-message', {
        message: 'AuthSwitchRequest',
        state: 'a switched authentication was running',
      });
    }
    this.#switched = true;
    this.#plugin = plugin;
    if (plugin === NATIVE_PASSWORD || plugin === CACHING_SHA2_PASSWORD) {
      return this.#scramble(challenge);
    }
    if (plugin !== CLEAR_PASSWORD) throw this.#refuse(`the plugin ${nameText(plugin)} is unknown`);
    if (!this.#rules.clear) throw this.#refuse('it wants the password in the clear');
    return encodeClearPassword(this.#password.reveal());
  }

  /** The answer to an AuthMoreData, or undefined when none is due. */
  more(data: Buffer): Buffer | undefined {
    if (this.#plugin === CACHING_SHA2_PASSWORD && data.length === 1) {
      if (data[0] === FAST_AUTH_SUCCESS) return undefined;
      if (data[0] === PERFORM_FULL_AUTHENTICATION) {
        if (!this.#rules.overSecureTransport) {
          throw this.#refuse('caching_sha2_password needs TLS for a first login');
        }
        return encodeClearPassword(this.#password.reveal());
      }
    }
    throw new PosternError('unexpected-message', {
      message: 'AuthMoreData',
      state: `${nameText(this.#plugin)} was running`,
    });
  }

  #scramble(challenge: Buffer): Buffer {
    if (challenge.length !== CHALLENGE_BYTES) {
      throw this.#refuse(`its challenge has ${challenge.length} bytes instead of 20`);
    }
    const password = this.#password.reveal();
    return this.#plugin === CACHING_SHA2_PASSWORD
      ? scrambleSha2(password, challenge)
      : scrambleNative(password, challenge);
  }
}

/** A name the server chose, fit for a message. */
function nameText(plugin: string): string {
  return plugin.replace(/[^\w.-]/g, '?').slice(0, 64);
}
