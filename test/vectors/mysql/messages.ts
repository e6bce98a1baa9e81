// SPDX-License-Identifier: Apache-2.0
import {
  CLIENT_CONNECT_ATTRS,
  CLIENT_PLUGIN_AUTH,
  CLIENT_QUERY_ATTRIBUTES,
  CLIENT_SESSION_TRACK,
  MARIADB_CLIENT_CACHE_METADATA,
  MARIADB_CLIENT_EXTENDED_METADATA,
} from '../../../src/wire/mysql/capabilities.ts';
import { hex, type Vector } from './vector.ts';

/**
 * Single messages without packet headers, by the file in src/wire/mysql that decodes them.
 * Captures come from loopback connections to MariaDB 10.11.19 (Debian 12) with stock drivers;
 * user `app`, password `secret`.
 */
export const MESSAGE_VECTORS: Readonly<Record<string, readonly Vector[]>> = {
  handshake: [
    {
      name: 'MySQL 5.5.2-m2',
      source: 'MySQL source code documentation, Protocol::HandshakeV10',
      payload: hex(
        '0a352e352e322d6d32000b00000064764840492d434a00fff7080200000000000000000000000000',
        '002a34647c635a776b345e5d3a00',
      ),
    },
    {
      name: 'MariaDB 10.11.19',
      source: 'captured',
      payload: hex(
        '0a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310005000000474d',
        '304755552b7500fef7080200ff81150000000000001d0000002e215c2c653b363a615b2543006d79',
        '73716c5f6e61746976655f70617373776f726400',
      ),
    },
  ],
  'handshake-response': [
    {
      name: 'pam',
      source: 'MySQL source code documentation, Protocol::HandshakeResponse41',
      payload: hex(
        '8da60f000000000108000000000000000000000000000000000000000000000070616d0014ab09ee',
        'f6bcb1323e61143865c0991d957d75d44774657374006d7973716c5f6e61746976655f7061737377',
        '6f726400',
      ),
    },
    {
      name: 'mariadb 3.3 command line',
      source: 'captured',
      payload: hex(
        '8ca2bf000000100021000000000000000000000000000000000000001d0000006170700014275788',
        '95c7bae46b3dba363e45a85e8f9673fb0b73686f70006d7973716c5f6e61746976655f7061737377',
        '6f7264007f035f6f73054c696e75780c5f636c69656e745f6e616d650a6c69626d61726961646204',
        '5f7069640531343737390f5f636c69656e745f76657273696f6e06332e332e3230095f706c617466',
        '6f726d067838365f36340c70726f6772616d5f6e616d65056d7973716c0c5f7365727665725f686f',
        '7374093132372e302e302e31',
      ),
    },
    {
      name: 'mysql2 3.24',
      source: 'captured',
      payload: hex(
        'cef3ba0800000000e000000000000000000000000000000000000000080000006170700014307d00',
        'b908cbf60eb2ba96405447f67d381c4a0373686f70006d7973716c5f6e61746976655f7061737377',
        '6f726400400c5f636c69656e745f6e616d650c4e6f64652d4d7953514c2d320f5f636c69656e745f',
        '76657273696f6e06332e32342e350c70726f6772616d5f6e616d650178',
      ),
    },
    {
      name: 'MariaDB Node connector 3.5',
      source: 'captured',
      payload: hex(
        '0aa3be0100000040e0000000000000000000000000000000000000001c000000617070001472c9c5',
        '6593c31cacae273fc959758336dd703d0973686f70006d7973716c5f6e61746976655f7061737377',
        '6f726400fc6a000c5f636c69656e745f6e616d65164d61726961444220636f6e6e6563746f722f4e',
        '6f64650f5f636c69656e745f76657273696f6e05332e352e34035f6f73056c696e75780c5f636c69',
        '656e745f686f737402766d0d5f6e6f64655f76657273696f6e0732302e32302e32',
      ),
    },
  ],
  'ssl-request': [
    {
      name: 'the head of the command line login with CLIENT_SSL',
      source: 'derived from a capture',
      payload: hex('8caabf000000010021000000000000000000000000000000000000001d000000'),
    },
  ],
  'auth-switch': [
    {
      name: 'to mysql_native_password',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        'fe6d7973716c5f6e61746976655f70617373776f72640034657e6d2776417c71402c58572f7e5467',
        '2c3f3c00',
      ),
    },
  ],
  'auth-more-data': [
    {
      name: 'fast authentication succeeded',
      source: 'MySQL source code documentation, caching_sha2_password',
      payload: hex('0103'),
    },
    {
      name: 'full authentication wanted',
      source: 'MySQL source code documentation, caching_sha2_password',
      payload: hex('0104'),
    },
  ],
  ok: [
    {
      name: 'plain',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('00000002000000'),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'with information text',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '0001000200000028526f7773206d6174636865643a203120204368616e6765643a20312020576172',
        '6e696e67733a2030',
      ),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'schema after login',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('00000002400000000701050473686f70'),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'system variables changed',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '00000002c00000005f001c146368617261637465725f7365745f636c69656e74066c6174696e3100',
        '20186368617261637465725f7365745f636f6e6e656374696f6e066c6174696e31001d1563686172',
        '61637465725f7365745f726573756c7473066c6174696e31',
      ),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'every tracker',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '00000002400000009f00211e73657373696f6e5f747261636b5f73797374656d5f7661726961626c',
        '6573012a002f1e73657373696f6e5f747261636b5f7472616e73616374696f6e5f696e666f0f4348',
        '4152414354455249535449435300181473657373696f6e5f747261636b5f736368656d61024f4e00',
        '1e1a73657373696f6e5f747261636b5f73746174655f6368616e6765024f4e0201310509085f5f5f',
        '5f5f5f5f5f040100',
      ),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'transaction started',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '000000034000000039050908545f525f5f5f5f5f042c2b5354415254205452414e53414354494f4e',
        '205749544820434f4e53495354454e5420534e415053484f543b',
      ),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'in place of an EOF',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('fe000022000000'),
      capabilities: CLIENT_SESSION_TRACK,
    },
    {
      name: 'in place of an EOF, with transaction state',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('fe000023400000000b050908545f525f5f5f535f'),
      capabilities: CLIENT_SESSION_TRACK,
    },
  ],
  'session-track': [
    {
      name: 'every tracker',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '00211e73657373696f6e5f747261636b5f73797374656d5f7661726961626c6573012a002f1e7365',
        '7373696f6e5f747261636b5f7472616e73616374696f6e5f696e666f0f4348415241435445524953',
        '5449435300181473657373696f6e5f747261636b5f736368656d61024f4e001e1a73657373696f6e',
        '5f747261636b5f73746174655f6368616e6765024f4e0201310509085f5f5f5f5f5f5f5f040100',
      ),
    },
    {
      name: 'transaction started',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        '050908545f525f5f5f5f5f042c2b5354415254205452414e53414354494f4e205749544820434f4e',
        '53495354454e5420534e415053484f543b',
      ),
    },
  ],
  err: [
    {
      name: 'unknown column',
      source: 'captured from MariaDB 10.11.19',
      payload: hex(
        'ff1e04233432533232556e6b6e6f776e20636f6c756d6e20276e6f70652720696e202753454c4543',
        '5427',
      ),
    },
    {
      name: 'killed',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('ff8707233730313030436f6e6e656374696f6e20776173206b696c6c6564'),
    },
    {
      name: 'too many connections, before the login: no SQLSTATE',
      source: 'composed from the documents',
      payload: hex('ff1004546f6f206d616e7920636f6e6e656374696f6e73'),
    },
  ],
  progress: [
    {
      name: 'end of a bulk insert',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('ffffff0102020000000f456e642062756c6b20696e73657274'),
    },
  ],
  eof: [
    { name: 'end of rows', source: 'captured from MariaDB 10.11.19', payload: hex('fe00002200') },
  ],
  'column-count': [
    { name: 'two columns', source: 'captured from MariaDB 10.11.19', payload: hex('02') },
    {
      name: 'with metadata flag',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('0201'),
      capabilities: MARIADB_CLIENT_CACHE_METADATA,
    },
  ],
  'column-definition': [
    {
      name: 'an integer',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('036465660473686f70017401740269640269640c3f000b000000030350000000'),
    },
    {
      name: 'a text',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('036465660473686f7001740174017601760c2d0050000000fd0000000000'),
    },
    {
      name: 'extended',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('036465660473686f7001740174026964026964000c3f000b000000030350000000'),
      capabilities: MARIADB_CLIENT_EXTENDED_METADATA,
    },
    {
      name: 'with a default (COM_FIELD_LIST)',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('036465660473686f70017401740269640269640c3f000b0000000303500000000130'),
    },
  ],
  'result-row': [
    { name: 'two values', source: 'captured from MariaDB 10.11.19', payload: hex('0131036f6e65') },
    { name: 'with a NULL', source: 'captured from MariaDB 10.11.19', payload: hex('0132fb') },
  ],
  'local-infile': [
    {
      name: 'a file',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('fb2f782f792e637376'),
    },
  ],
  'com-query': [
    {
      name: 'select 1',
      source: 'captured from the mariadb command line',
      payload: hex('0373656c6563742031'),
    },
    {
      name: 'no attributes',
      source: 'composed from the documents',
      payload: hex('03000173656c6563742031'),
      capabilities: CLIENT_QUERY_ATTRIBUTES,
    },
    {
      name: 'a traceparent attribute',
      source: 'composed from the documents',
      payload: hex('0301010001fe000b7472616365706172656e7402303073656c6563742031'),
      capabilities: CLIENT_QUERY_ATTRIBUTES,
    },
  ],
  'com-init-db': [
    { name: 'shop', source: 'composed from the documents', payload: hex('0273686f70') },
  ],
  'com-stmt-prepare': [
    {
      name: 'select',
      source: 'captured from mysql2 3.24',
      payload: hex('1673656c656374203f2b312c203f'),
    },
  ],
  'prepare-ok': [
    {
      name: 'two parameters, two columns',
      source: 'captured from MariaDB 10.11.19',
      payload: hex('000100000002000200000000'),
    },
  ],
  'com-stmt-execute': [
    {
      name: 'one text parameter',
      source: 'MySQL source code documentation, COM_STMT_EXECUTE',
      payload: hex('1701000000000100000000010f0003666f6f'),
    },
    {
      name: 'the statement prepared last',
      source: 'captured from the MariaDB Node connector 3.5',
      payload: hex('17ffffffff000100000000010300fd000100000003666f6f'),
    },
  ],
  'com-stmt-bulk-execute': [
    {
      name: 'two sets, one NULL',
      source: 'captured from the MariaDB Node connector 3.5',
      payload: hex('fa0300000080000300fd000001000000000161000200000001'),
    },
  ],
  'execute-attributes': [
    {
      name: 'one text parameter, a traceparent attribute',
      source: 'composed from the documents',
      payload: hex(
        '17010000000801000000',
        '020001',
        '0f0000',
        'fe000b7472616365706172656e74',
        '03666f6f',
        '023030',
      ),
    },
  ],
  'compressed-packet': [
    {
      name: 'a body that is not compressed',
      source: 'MariaDB documentation, compressed packet',
      payload: hex('05000000000000'),
    },
    {
      name: 'a long SELECT',
      source: 'MySQL source code documentation, compression',
      payload: hex('22000000320000'),
    },
  ],
  'com-stmt-fetch': [
    { name: 'two rows', source: 'composed from the documents', payload: hex('1c0100000002000000') },
  ],
  'com-stmt-send-long-data': [
    {
      name: 'one piece',
      source: 'captured from the MariaDB Node connector 3.5',
      payload: hex('180400000000006c6f6e672064617461'),
    },
  ],
  'com-stmt-close': [
    { name: 'statement 1', source: 'captured from mysql2 3.24', payload: hex('1901000000') },
  ],
  'com-stmt-reset': [
    { name: 'statement 1', source: 'composed from the documents', payload: hex('1a01000000') },
  ],
  'com-set-option': [
    { name: 'multi statements on', source: 'composed from the documents', payload: hex('1b0000') },
  ],
  'com-process-kill': [
    { name: 'connection 4711', source: 'composed from the documents', payload: hex('0c67120000') },
  ],
  'com-field-list': [
    { name: 'all columns of t', source: 'composed from the documents', payload: hex('047400') },
  ],
  'com-change-user': [
    {
      name: 'mysql2 3.24',
      source: 'captured',
      payload: hex(
        '116170700014307d00b908cbf60eb2ba96405447f67d381c4a0373686f7000e0006d7973716c5f6e',
        '61746976655f70617373776f72640000',
      ),
      capabilities: CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS,
    },
    {
      name: 'MariaDB Node connector 3.5',
      source: 'captured',
      payload: hex(
        '11617070001472c9c56593c31cacae273fc959758336dd703d0973686f70002d006d7973716c5f6e',
        '61746976655f70617373776f726400fc50000c5f636c69656e745f6e616d65164d61726961444220',
        '636f6e6e6563746f722f4e6f64650f5f636c69656e745f76657273696f6e05332e352e340d5f6e6f',
        '64655f76657273696f6e0732302e32302e32',
      ),
      capabilities: CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS,
    },
  ],
  'command-only': [
    { name: 'COM_QUIT', source: 'captured', payload: hex('01') },
    {
      name: 'COM_RESET_CONNECTION',
      source: 'captured from the MariaDB Node connector 3.5',
      payload: hex('1f'),
    },
  ],
  'clear-password': [
    { name: 'a token', source: 'composed from the documents', payload: hex('746f6b656e00') },
  ],
};
