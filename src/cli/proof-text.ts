// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import { placeText } from '../policy/explanation.ts';
import { type CounterExample, LAYERS, type LayerResult, type Proof } from '../prove/proof.ts';
import { printable } from './audit-text.ts';

/** For a terminal: a line per layer and target, then what differs, then what one layer holds alone. */
export function proofText(proof: Proof): string {
  const { layers, counterExamples, residuals } = proof;
  const lines: string[] = [];
  for (const target of new Set(layers.map((one) => one.target))) {
    lines.push(target);
    for (const layer of layers.filter((one) => one.target === target)) lines.push(layerLine(layer));
  }
  for (const found of counterExamples) lines.push('', ...counterExampleLines(found));
  for (const layer of LAYERS) {
    const texts = new Map<string, string[]>();
    for (const { without, target, text, rules } of residuals) {
      if (without !== layer) continue;
      const shown = `${text}${places(rules)}`;
      texts.set(shown, [...(texts.get(shown) ?? []), target]);
    }
    const what = layer === 'gateway' ? "gateway's check" : layer;
    if (texts.size > 0) lines.push('', `Without the ${what}, no longer held:`);
    for (const [text, targets] of texts) lines.push(`  - ${targets.join(', ')}: ${text}`);
  }
  return lines.map(printable).join('\n');
}

const STATUS: Readonly<Record<LayerResult['status'], string>> = {
  agrees: 'agrees',
  differs: 'DIFFERS',
  undecided: 'undecided',
  none: 'not asked',
};

function layerLine({ layer, place, source, status, text }: LayerResult): string {
  const where = layer === 'mesh' ? `mesh of ${place ?? ''}` : layer;
  const read = source === 'live' ? 'live' : 'as declared';
  return `  ${where.padEnd(20)} ${read.padEnd(12)} ${STATUS[status].padEnd(10)} ${text}`;
}

const SAYS: Readonly<Record<CounterExample['kind'], string>> = {
  exceeds: 'lets through what is not declared',
  refuses: 'withholds what is declared',
};

function counterExampleLines(found: CounterExample): readonly string[] {
  const { layer, kind, target, identity, object, action, where, by, why, rules, declared } = found;
  const right = action === undefined ? (object ?? 'connect') : `${action} ${object ?? ''}`.trim();
  const more = found.alike === 0 ? '' : ` (and ${found.alike} more like it)`;
  return [
    `! The ${layer} ${SAYS[kind]}${more}`,
    `  who       ${identity}`,
    `  what      ${right} on ${target}, ${where}`,
    `  by        ${by}: ${why}${places(rules)}`,
    `  declared  ${declared.effect}. ${declared.text}${places(declared.rules)}`,
  ];
}

function places(rules: readonly RuleReference[]): string {
  // Built-in roles of one Target have one place.
  const texts = new Set(rules.map(placeText));
  return texts.size === 0 ? '' : ` ${[...texts].join(' ')}`;
}
