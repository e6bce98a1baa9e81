// SPDX-License-Identifier: Apache-2.0
// What scripts/bench-login.ts compares an idle session with: a process that takes TLS, opens TLS to
// the database for each, and holds both. It sends one byte when a pair is there.
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls, createSecureContext, createServer } from 'node:tls';
import {
  CLIENT_PLUGIN_AUTH,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SSL,
} from '../src/wire/mysql/capabilities.ts';
import { frame } from '../src/wire/mysql/framing.ts';
import { encodeSslRequest } from '../src/wire/mysql/ssl-request.ts';

const directory = process.env['BARE_DIRECTORY'] ?? '.';
const read = (name: string) => readFileSync(`${directory}/${name}`, 'utf8');
const capabilities =
  CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH | CLIENT_SSL;
const secureContext = createSecureContext({ ca: read('db-ca.pem') });

const server = createServer(
  {
    cert: read('mesh.pem'),
    key: read('mesh-key.pem'),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['istio'],
  },
  (downstream) => {
    downstream.on('error', () => undefined);
    const plain = connect(Number(process.env['BARE_UPSTREAM']), '127.0.0.1');
    plain.on('error', () => undefined);
    plain.once('data', () => {
      plain.write(
        frame(encodeSslRequest({ capabilities, maxPacketBytes: 1 << 24, charset: 45 }), 1),
      );
      const upstream = connectTls({ socket: plain, secureContext, servername: 'localhost' });
      upstream.on('error', () => undefined);
      upstream.once('secureConnect', () => downstream.write('.'));
      downstream.resume();
      upstream.resume();
    });
  },
);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
