// SPDX-License-Identifier: Apache-2.0
import { createInterface } from 'node:readline/promises';

/** Asks on standard error, so that what is printed can still go into a file. */
export async function terminalQuestion(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve, reject) => {
      lines.once('close', () => resolve(''));
      lines.question(question).then(resolve, reject);
    });
  } finally {
    lines.close();
  }
}
