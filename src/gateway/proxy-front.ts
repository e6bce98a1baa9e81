// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText, toPosternError } from '../model/errors.ts';
import { decodeProxyHeader, type ProxyHeader, proxyHeaderBytes } from '../wire/proxy-v2.ts';

/**
 * Reads the PROXY header that a connection must begin with, and nothing behind it: the socket is
 * paused again and has the rest. Rejects with `malformed-message`, `peer-closed` or `timeout`.
 */
export function readProxyHeader(
  socket: Socket,
  clock: Clock,
  limitMs: number,
): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (): void => {
      timer.stop();
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket.off('error', onError);
      socket.pause();
    };
    const fail = (error: PosternError): void => {
      settle();
      reject(error);
    };
    const closed = (state: string) =>
      fail(new PosternError('peer-closed', { peer: 'proxy', state }));
    const onEnd = () => closed('sending its PROXY header');
    const onError = (cause: Error) => closed(problemText(cause));
    const onData = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        const wanted = proxyHeaderBytes(bytes);
        if (wanted === undefined || bytes.length < wanted) return;
        const header = decodeProxyHeader(bytes.subarray(0, wanted));
        settle();
        if (bytes.length > wanted) socket.unshift(bytes.subarray(wanted));
        resolve(header);
      } catch (thrown) {
        fail(toPosternError(thrown));
      }
    };
    const timer = clock.after(limitMs, () =>
      fail(new PosternError('timeout', { action: 'the PROXY header', limitMs })),
    );
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onError);
    socket.resume();
  });
}
