// SPDX-License-Identifier: Apache-2.0
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const WIDTH = 92;
const INDENT = '   ';

/**
 * What the visitor sees. Three kinds of lines: our words, what is typed, and what really came back
 * (behind a bar, never changed but for lines that are too long).
 */
export class Terminal {
  readonly #colour: boolean;
  readonly #write: (text: string) => void;
  #step = 0;

  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('bold', text)}\n`);
  }

  /** A numbered step: what happens, and why it matters. */
  step(title: string, why: string): void {
    this.#step += 1;
    this.#write(`\n${this.#paint('bold', `${this.#step}. ${title}`)}\n`);
    this.say(why);
  }

  get stepNumber(): number {
    return this.#step;
  }

  say(text: string): void {
    for (const line of wrapped(text, WIDTH - INDENT.length)) this.#write(`${INDENT}${line}\n`);
  }

  fact(name: string, value: string): void {
    this.#write(`${INDENT}${name.padEnd(20)} ${this.#paint('dim', value)}\n`);
  }

  /** What somebody types; a shell's line is continued as a shell wants it. */
  typed(prompt: string, text: string): void {
    const width = WIDTH - INDENT.length - prompt.length - 3;
    const lines = wrapped(text, width);
    for (const [index, line] of lines.entries()) {
      const end = prompt === '$' && index < lines.length - 1 ? ' \\' : '';
      const start = index === 0 ? prompt : ' '.repeat(prompt.length);
      this.#write(`${INDENT}${this.#paint('cyan', `${start} ${line}${end}`)}\n`);
    }
  }

  /** To be copied, so never broken into lines. */
  command(text: string): void {
    this.#write(`${INDENT}${this.#paint('cyan', `$ ${text}`)}\n`);
  }

  /** What came back, line by line. */
  output(text: string): void {
    const bar = this.#paint('dim', '|');
    for (const line of text.trimEnd().split('\n')) {
      for (const part of folded(line, WIDTH - INDENT.length - 2)) {
        this.#write(`${INDENT}${bar} ${part}\n`.replace(/ +\n$/, '\n'));
      }
    }
  }

  ok(text: string): void {
    for (const [index, line] of wrapped(text, WIDTH - INDENT.length - 4).entries()) {
      const mark = index === 0 ? this.#paint('green', 'ok') : '  ';
      this.#write(`${INDENT}${mark}  ${line}\n`);
    }
  }

  gap(): void {
    this.#write('\n');
  }

  #paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** Breaks at spaces where there are any; what follows is set in, so that it reads as one line. */
function folded(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  const at = line.lastIndexOf(' ', width);
  const cut = at > width / 2 ? at : width;
  return [line.slice(0, cut), ...folded(`    ${line.slice(cut).trimStart()}`, width)];
}

/** Rows as the `mariadb` client would print them. */
export function tableText(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((l) => l[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .join('\n');
}
