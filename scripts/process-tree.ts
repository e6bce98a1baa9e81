// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';

/** A process and all below it, from /proc. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readProc(`/proc/${name}/stat`);
    // The name in parentheses may hold anything: what follows its end is fixed.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const one of found) found.push(...(children.get(one) ?? []));
  return found;
}

/** Resident memory of a process and all below it, bytes. */
export function residentBytes(root: number): number {
  return processTree(root).reduce((sum, pid) => {
    const kib = /VmRSS:\s+(\d+) kB/.exec(readProc(`/proc/${pid}/status`))?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}

/** User and system time of a process and all below it that live, ms. */
export function cpuMs(root: number): number {
  return processTree(root).reduce((sum, pid) => {
    const stat = readProc(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
  }, 0);
}

/** Empty when the process is gone by now. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
