// SPDX-License-Identifier: Apache-2.0
import { boundedTags, type Tags } from '../../audit/trace-context.ts';
import { PosternError } from '../../model/errors.ts';
import { type BinaryParameter, TEXT_TYPES } from '../../wire/mysql/binary-value.ts';
import { CLIENT_QUERY_ATTRIBUTES } from '../../wire/mysql/capabilities.ts';
import { decodeComQuery, encodeComQuery } from '../../wire/mysql/com-query.ts';
import { decodeComStmtExecute } from '../../wire/mysql/com-stmt-execute.ts';
import { COM } from '../../wire/mysql/commands.ts';
import { decodeAttributedExecute } from '../../wire/mysql/execute-attributes.ts';
import { frame, packetCount } from '../../wire/mysql/framing.ts';
import type { Message } from '../../wire/mysql/packet-assembler.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import type { PreparedStatements } from './prepared-statements.ts';

/**
 * Takes MySQL's query attributes out of commands of a driver that negotiated them: what goes on is
 * the command as it would be without, and the attributes are tags of its record. They end here:
 * nothing the target does may depend on something that no decision was made about.
 */
export class QueryAttributes {
  /** The attributes of the last command, if it had any. */
  tags: Tags | undefined;
  readonly #prepared: PreparedStatements;

  constructor(prepared: PreparedStatements) {
    this.#prepared = prepared;
  }

  /** Throws `malformed-message`. */
  strip(message: Message): Message {
    this.tags = undefined;
    switch (message.payload[0]) {
      case COM.COM_QUERY: {
        const { statement, attributes } = decodeComQuery(message.payload, CLIENT_QUERY_ATTRIBUTES);
        this.#keep(attributes);
        return reframed(message, encodeComQuery({ statement, attributes: [] }, 0n));
      }
      case COM.COM_STMT_EXECUTE: {
        const { statementId } = decodeComStmtExecute(message.payload);
        const statement = this.#prepared.get(statementId);
        // It will be refused.
        if (!statement) return message;
        const { parameters, sentAhead } = statement;
        const { plain, attributes } = decodeAttributedExecute(
          message.payload,
          parameters,
          sentAhead,
        );
        this.#keep(attributes);
        return reframed(message, plain);
      }
      default:
        return message;
    }
  }

  #keep(attributes: readonly BinaryParameter[]): void {
    const tags: [string, string][] = [];
    for (const { name, type, value } of attributes) {
      if (name === '' || name === '__proto__' || !value || !TEXT_TYPES.has(type)) continue;
      tags.push([name, value.toString('utf8')]);
    }
    if (tags.length > 0) this.tags = boundedTags(Object.fromEntries(tags));
  }
}

/** Answers go on counting from the last packet of a command, so their number must not change. */
function reframed(message: Message, payload: UpstreamPayload): Message {
  if (packetCount(payload.length) !== packetCount(message.payload.length)) {
    throw new PosternError('malformed-message', {
      message: 'command',
      offset: 0,
      problem: 'its attributes make it one packet longer; send the statement without',
    });
  }
  return { payload, framed: frame(payload, 0), nextSequence: message.nextSequence };
}
