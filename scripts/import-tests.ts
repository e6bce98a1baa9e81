// SPDX-License-Identifier: Apache-2.0
import { pathToFileURL } from 'node:url';

// Unit tests share one process: starting one per file would take longer than all of them run.
for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href);
