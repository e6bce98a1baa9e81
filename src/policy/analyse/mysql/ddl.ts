// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
export function readCreate(cursor: Cursor): void {
  cursor.unexpected();
}
export function readAlter(cursor: Cursor): void {
  cursor.unexpected();
}
export function readDrop(cursor: Cursor): void {
  cursor.unexpected();
}
export function readRename(cursor: Cursor): void {
  cursor.unexpected();
}
