// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import { AdminLink } from './admin-link.ts';

function connection(
  answers: (sql: string) => Promise<unknown>,
): AdminConnection & { ended: boolean } {
  return {
    serverVersion: '10.11.0-MariaDB',
    connectionId: 1,
    query: (sql) => answers(sql) as ReturnType<AdminConnection['query']>,
    close() {
      this.ended = true;
      return Promise.resolve();
    },
    get closed() {
      return this.ended;
    },
    ended: false,
  };
}

function linkTo(connect: () => Promise<AdminConnection>) {
  const clock = new ManualClock();
  return { clock, link: new AdminLink({ targetName: 'data/orders', connect, clock }) };
}

describe('admin-link', () => {
  it('keeps the connection for the next who asks', async () => {
    let connects = 0;
    const { link } = linkTo(async () => {
      connects += 1;
      return connection(() => Promise.resolve());
    });
    for (let asked = 0; asked < 3; asked += 1) await link.run(100, (one) => one.query('x'));
    equal(connects, 1);
  });

  it('a call that hangs holds nobody else up, and only its own connection is given up', async () => {
    const made: ReturnType<typeof connection>[] = [];
    const { link, clock } = linkTo(async () => {
      made.push(
        connection((sql) => (sql === 'hang' ? new Promise(() => undefined) : Promise.resolve(sql))),
      );
      return made.at(-1) as AdminConnection;
    });
    const hung = rejects(
      link.run(2_000, (one) => one.query('hang')),
      { code: 'timeout' },
    );
    for (const sql of ['a', 'b', 'c']) equal(await link.run(100, (one) => one.query(sql)), sql);
    equal(made.length, 2);
    clock.advance(2_000);
    await hung;
    equal(await link.run(100, (one) => one.query('d')), 'd');
    deepEqual(
      made.map(({ ended }) => ended),
      [true, false],
    );
  });

  it('has a bounded number of connections; who gets none in time does nothing later', async () => {
    let connects = 0;
    const asked: string[] = [];
    const { link, clock } = linkTo(async () => {
      connects += 1;
      const one = connection((sql) => {
        asked.push(sql);
        return new Promise(() => undefined);
      });
      // As of a target that hangs: it waits for the statement.
      return Object.assign(one, { close: () => new Promise<void>(() => undefined) });
    });
    const all = Array.from({ length: 50 }, (_, index) =>
      rejects(
        link.run(2_000, (one) => one.query(String(index))),
        { code: 'timeout' },
      ),
    );
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    clock.advance(2_000);
    await Promise.all(all);
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    equal(connects, 4);
    deepEqual(asked, ['0', '1', '2', '3']);
  });

  it('closes what a burst opened when it is no longer needed', async () => {
    const made: ReturnType<typeof connection>[] = [];
    const { link, clock } = linkTo(async () => {
      made.push(connection(() => Promise.resolve()));
      return made.at(-1) as AdminConnection;
    });
    await Promise.all([1, 2, 3, 4].map(() => link.run(100, (one) => one.query('x'))));
    for (let beat = 0; beat < 20; beat += 1) {
      clock.advance(10_000);
      await link.run(100, (one) => one.query('x'));
    }
    equal(made.filter(({ ended }) => !ended).length, 1);
  });

  it('does not knock again before the backoff is over, and doubles it', async () => {
    let connects = 0;
    const { link, clock } = linkTo(() => {
      connects += 1;
      return Promise.reject(new PosternError('target-unreachable', { problem: 'down' }));
    });
    const ask = () =>
      rejects(
        link.run(100, (one) => one.query('x')),
        { code: 'target-unreachable' },
      );
    for (let asked = 0; asked < 100; asked += 1) await ask();
    equal(connects, 1);
    clock.advance(250);
    await ask();
    await ask();
    equal(connects, 2);
    clock.advance(499);
    await ask();
    equal(connects, 2);
    clock.advance(1);
    await ask();
    equal(connects, 3);
    for (let round = 0; round < 12; round += 1) {
      clock.advance(10_000);
      await ask();
    }
    equal(link.backoffMs, 10_000);
  });

  it('gives up a connection whose answer did not come in time', async () => {
    const made = [
      connection(() => new Promise(() => undefined)),
      connection(() => Promise.resolve('second')),
    ];
    const { link, clock } = linkTo(() => Promise.resolve(made.shift() as AdminConnection));
    const [first] = made;
    const slow = rejects(
      link.run(2_000, (one) => one.query('x')),
      { code: 'timeout' },
    );
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    clock.advance(2_000);
    await slow;
    equal(first?.ended, true);
    equal(await link.run(2_000, (one) => one.query('x')), 'second');
  });

  it('does not do later what was asked and timed out while connecting', async () => {
    let asked = 0;
    const one = connection(() => {
      asked += 1;
      return Promise.resolve('done');
    });
    const opening: ((made: AdminConnection) => void)[] = [];
    const { link, clock } = linkTo(() => new Promise((resolve) => opening.push(resolve)));
    const late = rejects(
      link.run(2_000, (made) => made.query('x')),
      { code: 'timeout' },
    );
    clock.advance(2_000);
    await late;
    opening[0]?.(one);
    equal(await link.run(2_000, (made) => made.query('y')), 'done');
    equal(asked, 1);
  });

  it('keeps a connection on which the target stated an error', async () => {
    let connects = 0;
    const { link } = linkTo(async () => {
      connects += 1;
      return connection(() => Promise.reject(new PosternError('target-error', { errno: 1 })));
    });
    for (let asked = 0; asked < 3; asked += 1) {
      await rejects(
        link.run(100, (one) => one.query('x')),
        { code: 'target-error' },
      );
    }
    equal(connects, 1);
  });

  it('opens nothing after close', async () => {
    const { link } = linkTo(() => Promise.resolve(connection(() => Promise.resolve())));
    await link.close();
    await rejects(
      link.run(100, (one) => one.query('x')),
      { code: 'lease-failed' },
    );
  });
});
