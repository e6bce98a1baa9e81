// SPDX-License-Identifier: Apache-2.0

declare const towards: unique symbol;

/**
 * One encoded message without packet headers, marked with the side it may be sent to, so that a
 * message of one direction cannot be written to the other. The mark exists for the compiler only.
 */
export type DownstreamPayload = Buffer & { readonly [towards]: 'downstream' };
export type UpstreamPayload = Buffer & { readonly [towards]: 'upstream' };
export type Payload = DownstreamPayload | UpstreamPayload;
