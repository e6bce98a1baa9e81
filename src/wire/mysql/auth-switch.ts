// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload, UpstreamPayload } from './payload.ts';

/**
 * AuthSwitchRequest: upstream to downstream. `data` is the plugin's challenge without its closing
 * NUL. https://mariadb.com/kb/en/connection/#authentication-switch-request
 */
export interface AuthSwitch {
  readonly plugin: string;
  readonly data: Buffer;
}

export const AUTH_SWITCH_HEADER = 0xfe;

/** A lone 0xfe asks for the pre-4.1 password hash, which no server in use needs: refused. */
export function decodeAuthSwitch(payload: Buffer): AuthSwitch {
  const reader = new ByteReader(payload, 'AuthSwitchRequest');
  if (reader.u8() !== AUTH_SWITCH_HEADER) reader.fail('the header is not 0xfe');
  if (reader.remaining === 0) reader.fail('it asks for mysql_old_password');
  const plugin = reader.nulText();
  const data = reader.rest();
  return { plugin, data: data.at(-1) === 0 ? data.subarray(0, -1) : data };
}

export function encodeAuthSwitch(request: AuthSwitch): DownstreamPayload {
  return new ByteWriter()
    .u8(AUTH_SWITCH_HEADER)
    .nulText(request.plugin)
    .put(request.data)
    .u8(0)
    .finish() as DownstreamPayload;
}

/** AuthSwitchResponse is the plugin's bytes and nothing else: downstream to upstream. */
export function encodeAuthSwitchResponse(data: Buffer): UpstreamPayload {
  return Buffer.from(data) as UpstreamPayload;
}
