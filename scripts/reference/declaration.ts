// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { formatDuration } from '../../src/model/duration.ts';
import { DOCUMENT_SCHEMAS, isNamespaced, KINDS } from '../../src/policy/document/kind.ts';
import { type Unwrapped, unwrap } from '../../src/policy/document/schema-walk.ts';

/**
 * The page `docs/reference/declaration.md`, printed from the schemas that check declarations, so
 * that the two cannot differ.
 */
export function declarationPage(): string {
  const shapes = new Map<string, z.ZodObject>();
  const kinds = KINDS.map((kind) => {
    const schema = DOCUMENT_SCHEMAS.get(kind);
    return schema ? kindSection(kind, schema, isNamespaced(kind), shapes) : '';
  });
  const described = shapeSections(shapes);
  return [HEAD, ...kinds, SHAPES_HEAD, ...described].join('\n');
}

const HEAD = `# The declaration

<!-- Printed from src/policy/document by "npm run docs"; edit the descriptions there. -->

Who may do what is declared in YAML documents, any number per file, in any files and order. Every
document has \`apiVersion: postern.dev/v1alpha1\`, a \`kind\`, \`metadata\` and a \`spec\`. An unknown
key is a fault, and so is everything that YAML 1.1 and YAML 1.2 read differently (\`yes\`, \`22:00\`,
\`0755\`, dates): quote it. Aliases are followed, tags, merge keys and \`%\` directives are refused.
\`postern check\` reports all faults at once; [diagnostics.md](diagnostics.md) lists them.

- **Namespaced** kinds live in the namespace of the people who own the data: a Grant beside its
  Target. The others are cluster-scoped. A rule is called \`kind/namespace/name\` everywhere.
- A **duration** is \`30s\`, \`15m\`, \`12h\`, \`400d\` or several of these in a row. A **time** is
  \`"2027-03-31T00:00:00Z"\`, with zone, quoted. A **name** has at most 63 lower-case letters,
  digits and \`-\`.
- Nothing matches: deny. Any matching Deny wins. Grants add up in privileges; limits combine to the
  strictest of the grants that allow a request.
- Wildcards: one \`*\` as the first or last character of a whole value, where the tables say so; never
  in a workload of a Grant.

Complete declarations to read and copy: [examples/shop](../../examples/shop/rules.yaml), and one file for
each form of Target in [examples/targets](../../examples/targets/mysql.yaml).

Built-in roles: \`reader\` (select), \`writer\` (and insert, update, delete) and \`migrator\` (and
create, alter, drop, index, references, lock, temporary) on every schema in the Target's \`schemas\`;
\`caller\` on \`azureMl\` and \`http\`; \`auditor\` (sees sessions, audit, policy) and \`operator\`
(sees sessions, drift and policy, ends sessions, reloads) on the built-in Target \`postern\` in namespace
\`postern-system\`, labels \`{app: postern}\`.
`;

const SHAPES_HEAD = `## Shapes used above
`;

function kindSection(
  kind: string,
  schema: z.ZodType,
  namespaced: boolean,
  shapes: Map<string, z.ZodObject>,
): string {
  const { shape } = schema as z.ZodObject;
  const spec = shape['spec'] as z.ZodType;
  const scope = namespaced ? '`metadata`: `name`, `namespace`' : '`metadata`: `name`';
  const description = (unwrap(spec).description ?? '').replace(/ Cluster-scoped\.$/, '');
  return [
    `## ${kind}\n`,
    `${description} ${scope}, \`labels\`, \`annotations\`.\n`,
    table(unwrap(spec).schema as z.ZodObject, 'spec', shapes),
  ].join('\n');
}

/** Shapes may use further shapes; the map grows while it is walked. */
function shapeSections(shapes: Map<string, z.ZodObject>): readonly string[] {
  const sections: string[] = [];
  for (const [title, schema] of shapes) {
    sections.push(`### ${title}\n\n${table(schema, '', shapes)}`);
  }
  return sections;
}

function table(schema: z.ZodObject, prefix: string, shapes: Map<string, z.ZodObject>): string {
  const rows = rowsOf(schema, prefix, shapes);
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function rowsOf(
  schema: z.ZodObject,
  prefix: string,
  shapes: Map<string, z.ZodObject>,
): readonly string[] {
  return Object.entries(schema.shape).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const field = unwrap(value as z.ZodType);
    const isList = field.schema instanceof z.ZodArray;
    const item = field.schema instanceof z.ZodArray ? unwrap(field.schema.element) : field;
    const { title } = item;
    const shape = item.schema instanceof z.ZodObject ? item.schema : undefined;
    if (shape && title !== undefined) shapes.set(title, shape);
    const type = `${isList ? 'list of ' : ''}${typeText(item.schema, title)}`;
    const row = `| \`${path}\` | ${type} | ${defaultText(field)} | ${field.description ?? ''} |`;
    if (shape === undefined || title !== undefined) return [row];
    return [row, ...rowsOf(shape, isList ? `${path}[]` : path, shapes)];
  });
}

function typeText(schema: z.core.$ZodType, title: string | undefined): string {
  if (title !== undefined) {
    return schema instanceof z.ZodObject ? `[${title}](#${title.toLowerCase()})` : title;
  }
  if (schema instanceof z.ZodEnum) return schema.options.map((one) => `\`${one}\``).join(' ');
  if (schema instanceof z.ZodLiteral)
    return [...schema.values].map((one) => `\`${one}\``).join(' ');
  if (schema instanceof z.ZodObject) return 'mapping';
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return '`true` `false`';
  return 'text';
}

function defaultText(field: Unwrapped): string {
  if (!field.optional) return '**required**';
  const { byDefault, title } = field;
  if (byDefault === undefined) return '';
  if (title === 'duration') return `\`${formatDuration(Number(byDefault))}\``;
  if (Array.isArray(byDefault)) return `\`${JSON.stringify(byDefault)}\``;
  return typeof byDefault === 'object' ? '' : `\`${byDefault}\``;
}
