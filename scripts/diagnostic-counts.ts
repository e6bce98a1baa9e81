// SPDX-License-Identifier: Apache-2.0
import type { TestEvent } from 'node:test/reporters';

/**
 * A node:test reporter that passes on only the closing totals (`pass 12`) and the reason of each
 * skip (`skip why`), one per line, so that the totals of several processes can be added up.
 */
export default async function* diagnosticCounts(
  source: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type === 'test:fail' && event.data.nesting === 0) tellCrash(event.data);
    if (event.type === 'test:pass' && event.data.skip) yield `skip ${event.data.skip}\n`;
    if (event.type !== 'test:diagnostic' || event.data.nesting !== 0) continue;
    if (/^(tests|pass|fail|cancelled|skipped|todo) \d+$/.test(event.data.message)) {
      yield `${event.data.message}\n`;
    }
  }
}

/** A test process that died leaves no failed test to read about; say what ended it. */
function tellCrash(data: { readonly name: string; readonly details: { readonly error: Error } }) {
  const { exitCode, signal } = data.details.error as { exitCode?: unknown; signal?: unknown };
  if (signal) console.error(`${data.name} was ended by ${signal}`);
  else if (typeof exitCode === 'number' && exitCode > 1) {
    console.error(`${data.name} ended with exit code ${exitCode}`);
  }
}
