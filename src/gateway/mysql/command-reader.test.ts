// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frame, MAX_PACKET_BYTES } from '../../wire/mysql/framing.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import { BufferBudget } from '../limits.ts';
import { CommandReader } from './command-reader.ts';

const command = (bytes: number) => Buffer.alloc(bytes, 0x03) as Buffer as UpstreamPayload;

describe('command reader', () => {
  it('reads a command of several packets that arrives in pieces, asked after each', () => {
    const reader = new CommandReader(new BufferBudget(1 << 30), 1 << 26);
    const framed = frame(command(2 * MAX_PACKET_BYTES + 10), 0);
    for (let at = 0; at < framed.length; at += 5_000_000) {
      assert.equal(reader.next(0), undefined);
      reader.push(framed.subarray(at, at + 5_000_000));
    }
    const message = reader.next(0);
    assert.ok(message !== undefined && typeof message !== 'string');
    assert.equal(message.payload.length, 2 * MAX_PACKET_BYTES + 10);
    assert.equal(message.nextSequence, 3);
    reader.push(frame(command(1), 0));
    assert.ok(typeof reader.next(0) === 'object');
  });

  it('passes over a command that is too large and takes the next one', () => {
    const budget = new BufferBudget(1 << 30);
    const reader = new CommandReader(budget, 1_000);
    const framed = Buffer.concat([frame(command(200_000), 0), frame(command(3), 0)]);
    reader.push(framed.subarray(0, 100_000));
    assert.equal(reader.next(0), undefined);
    reader.push(framed.subarray(100_000));
    assert.equal(reader.next(0), 'oversize');
    const message = reader.next(0);
    assert.ok(message !== undefined && typeof message !== 'string');
    assert.equal(message.payload.length, 3);
    reader.close();
    assert.equal(budget.usedBytes, 0);
  });

  it('knows which command was too large, also when its header came alone', () => {
    const reader = new CommandReader(new BufferBudget(1 << 30), 1_000);
    const framed = frame(command(2_000), 0);
    reader.push(framed.subarray(0, 4));
    assert.equal(reader.next(0), undefined);
    reader.push(framed.subarray(4));
    assert.equal(reader.next(0), 'oversize');
    assert.equal(reader.oversizeCommand, 0x03);
  });

  it('takes nothing once it is closed', () => {
    const budget = new BufferBudget(1 << 30);
    const reader = new CommandReader(budget, 1 << 26);
    reader.close();
    reader.push(frame(command(500_000), 0).subarray(0, 200_000));
    assert.equal(reader.next(0), undefined);
    assert.equal(budget.usedBytes, 0);
  });

  it('says when the process holds too much', () => {
    const reader = new CommandReader(new BufferBudget(100_000), 1 << 26);
    reader.push(frame(command(500_000), 0).subarray(0, 200_000));
    assert.equal(reader.next(0), 'no-memory');
  });
});
