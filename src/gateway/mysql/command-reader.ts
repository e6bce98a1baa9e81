// SPDX-License-Identifier: Apache-2.0
import {
  type Message,
  type MessagePart,
  PacketAssembler,
} from '../../wire/mysql/packet-assembler.ts';
import type { BufferBudget } from '../limits.ts';

/** Commands sent ahead of their turn: more than this is left in the socket. */
const EARLY_BYTES = 1 << 20;
/** Larger requests count against the process's buffer budget. */
const COUNTED_BYTES = 65_536;

/** `oversize`: passed over entirely. `no-memory`: the process holds too much; the session must end. */
export type ReadResult = Message | 'oversize' | 'no-memory' | undefined;

/** What happens to each command when it is taken. */
export interface CommandHooks {
  /** Told first, also of one that is passed over. */
  began?(): void;
  /** What becomes of it. */
  command?(message: Message): Message;
}

/** Commands of one session, put together from what arrives; bounded per request and per process. */
export class CommandReader {
  readonly #assembler = new PacketAssembler();
  readonly #budget: BufferBudget;
  readonly #limitBytes: number;
  readonly #hooks: CommandHooks;
  #countedBytes = 0;
  #skipping = false;
  #oversizeCommand: number | undefined;
  #closed = false;

  constructor(budget: BufferBudget, limitBytes: number, hooks: CommandHooks = {}) {
    this.#budget = budget;
    this.#limitBytes = limitBytes;
    this.#hooks = hooks;
  }

  push(chunk: Buffer): void {
    if (!this.#closed) this.#assembler.push(chunk);
  }

  /** The next message that starts with `sequence`; throws `malformed-message` when it does not. */
  next(sequence: number): ReadResult {
    if (this.#closed) return undefined;
    if (!this.#count()) return 'no-memory';
    if (!this.#skipping) {
      this.#assembler.expectSequence(sequence);
      const message = this.#assembler.next(this.#limitBytes);
      if (message !== 'too-large') {
        this.#count();
        // A command starts with 0; anything else is an answer to us.
        return message && sequence === 0 ? this.#command(message) : message;
      }
      // The header may come alone; what it announces begins with the command.
      const [command] = this.#assembler.peek(1);
      if (command === undefined) return undefined;
      this.#oversizeCommand = command;
      this.#skipping = true;
    }
    const { ended } = this.#assembler.stream();
    this.#count();
    if (!ended) return undefined;
    this.#skipping = false;
    this.#hooks.began?.();
    return 'oversize';
  }

  #command(message: Message): Message {
    this.#hooks.began?.();
    return this.#hooks.command?.(message) ?? message;
  }

  /** Sets the id of the next packet, for `part`. */
  expect(sequence: number): void {
    this.#assembler.expectSequence(sequence);
  }

  /** What is there of a message that is passed on without being held, in place of `next`. */
  part(): MessagePart {
    const part = this.#assembler.stream();
    this.#count();
    return part;
  }

  /** Nothing more should be read while these wait for their turn. */
  get holdsEnough(): boolean {
    return this.#assembler.bufferedBytes > EARLY_BYTES;
  }

  /** Where an answer to an oversize request begins. */
  get sequence(): number {
    return this.#assembler.sequence;
  }

  /** Which COM_* the last `oversize` was. */
  get oversizeCommand(): number | undefined {
    return this.#oversizeCommand;
  }

  /** Nothing is taken from then on, however much arrives. */
  close(): void {
    this.#closed = true;
    this.#budget.giveBack(this.#countedBytes);
    this.#countedBytes = 0;
  }

  /** Keeps the budget in step with what is held; false when it would be exceeded. */
  #count(): boolean {
    const bytes = this.#assembler.bufferedBytes;
    const counted = bytes > COUNTED_BYTES ? bytes : 0;
    if (counted > this.#countedBytes && !this.#budget.take(counted - this.#countedBytes)) {
      return false;
    }
    if (counted < this.#countedBytes) this.#budget.giveBack(this.#countedBytes - counted);
    this.#countedBytes = counted;
    return true;
  }
}
