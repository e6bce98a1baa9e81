// SPDX-License-Identifier: Apache-2.0
import { refuse } from './refusal.ts';

/** As written; `schema` is undefined when the default schema is meant. */
export interface QualifiedName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** The name as the server compares it. */
export function objectName(name: string, caseInsensitive: boolean): string {
  if (!caseInsensitive) return name;
  const lower = name.toLowerCase();
  // The server's case folding of other scripts is not JavaScript's: only ASCII is folded here.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
  if (lower !== name && !/^[\x00-\x7f]*$/.test(name)) {
    refuse('unparsed', 'a name with capital letters outside ASCII; write it in lower case');
  }
  return lower;
}

/** A table, view or sequence, resolved. */
export class TableName {
  readonly schema: string;
  readonly name: string;

  constructor(schema: string, name: string) {
    // The server compares the names of these two schemas, and of what is in them, without case.
    const virtual = /^(information|performance)_schema$/i.test(schema);
    this.schema = virtual ? schema.toLowerCase() : schema;
    this.name = virtual ? name.toLowerCase() : name;
  }

  get isInformationSchema(): boolean {
    return this.schema === 'information_schema';
  }
}
