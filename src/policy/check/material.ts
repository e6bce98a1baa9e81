// SPDX-License-Identifier: Apache-2.0
import type { KeySetSpec, MaterialSpec } from '../document/field.ts';
import type { Material } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, pathText } from '../source-tree.ts';
import { absoluteFile, type Report } from './context.ts';
import { checkUrl } from './url.ts';

/** The one key that is given; a fault and undefined when there is none or more. */
export function soleKey<K extends string>(
  value: Readonly<Partial<Record<K, unknown>>>,
  keys: readonly K[],
  path: Path,
  report: Report,
): K | undefined {
  const given = keys.filter((key) => value[key] !== undefined);
  if (given.length === 1) return given[0];
  const found = given.length === 0 ? 'none' : given.join(' and ');
  report(path, 'one-of', { where: pathText(path), keys: keys.join(', '), found });
  return undefined;
}

const FORMS = ['file', 'env', 'secret', 'configMap'] as const;

/** Where a credential comes from; the bytes are read by whoever uses it, not here. */
export function readMaterial(
  spec: MaterialSpec,
  path: Path,
  document: ShapedDocument,
  report: Report,
): Material | undefined {
  const form = soleKey(spec, FORMS, path, report);
  if (form === 'file') return { from: 'file', path: absoluteFile(document, spec.file ?? '') };
  if (form === 'env') return { from: 'env', name: spec.env ?? '' };
  if (form !== undefined) {
    report([...path, form], 'material-needs-cluster', { where: pathText(path), form });
  }
  return undefined;
}

/** As `readMaterial`, with `url` as a further form. */
export function readKeySet(
  spec: KeySetSpec,
  path: Path,
  document: ShapedDocument,
  report: Report,
): Material | { readonly from: 'url'; readonly url: string } | undefined {
  if (spec.url === undefined) return readMaterial(spec, path, document, report);
  if (soleKey(spec, ['url', ...FORMS], path, report) === undefined) return undefined;
  return checkUrl(spec.url, [...path, 'url'], report) ? { from: 'url', url: spec.url } : undefined;
}
