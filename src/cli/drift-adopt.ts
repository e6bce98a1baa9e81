// SPDX-License-Identifier: Apache-2.0
import { type DriftSurvey, lookForDrift } from '../app/look-for-drift.ts';
import type { PlanRequest } from '../app/plan-declaration.ts';
import type { DeclarationEdit, Finding } from '../model/finding.ts';
import { checkSources } from '../policy/check.ts';
import { diagnosticText } from '../policy/diagnostic-text.ts';
import { type EditedDeclaration, editDeclaration } from '../policy/edit-declaration.ts';
import type { Policy } from '../policy/policy.ts';
import { printable } from './audit-text.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { allFindings, lookedAt, problemLines } from './drift-report.ts';
import { type LayerOptions, soundLayers } from './layer-options.ts';

interface AdoptOptions extends LayerOptions {
  readonly json?: boolean;
}

interface Adopted {
  readonly finding: Finding;
  readonly edits: readonly DeclarationEdit[];
}

/** What can be declared, with what became of it; and what cannot, and why. */
interface AdoptionPlan {
  readonly adopted: readonly Adopted[];
  readonly never: readonly { readonly finding: Finding; readonly why: string }[];
  readonly edited: EditedDeclaration;
  readonly policy: Policy;
}

/**
 * Prints the declaration that makes what is there legal. It is checked as a whole, and what is there
 * is looked at once more under it.
 */
export async function adopt(
  request: PlanRequest,
  survey: DriftSurvey,
  options: AdoptOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const plan = adoptionPlan(request, survey);
  const left = await lookUnder(plan, request, options, context);
  const unreached = [...lookedAt(survey), ...lookedAt(left)].flatMap(({ where, problem }) =>
    problem ? problemLines(where, problem) : [],
  );
  if (options.json) context.out(adoptionJson(plan, left));
  else {
    for (const line of documentLines(plan.edited)) context.out(line);
    for (const line of [...new Set(unreached), ...notes(plan, left)]) context.err(printable(line));
  }
  if (unreached.length > 0) return 3;
  return plan.never.length > 0 ? 1 : 0;
}

function lookUnder(
  { policy, edited }: AdoptionPlan,
  { declaration, access, nowMs }: PlanRequest,
  options: AdoptOptions,
  context: CommandContext,
): Promise<DriftSurvey> {
  const { layers } = soundLayers({ policy, sources: edited.sources }, options, context, nowMs);
  return lookForDrift(policy, layers, {
    ...access,
    // Administrators are those of the declaration at hand.
    administrator: ({ id }) => {
      const target = declaration.policy.targets.get(id);
      return target && access.administrator(target);
    },
  });
}

/** Edits that would make the declaration faulty are taken back one by one, with the fault as why. */
function adoptionPlan({ declaration }: PlanRequest, survey: DriftSurvey): AdoptionPlan {
  const adopted: Adopted[] = [];
  const never: AdoptionPlan['never'][number][] = [];
  let edited = editDeclaration(declaration.sources, []);
  let { policy } = declaration;
  for (const finding of allFindings(survey)) {
    const { adoption, cause } = finding;
    if (cause === 'declaration') continue;
    if ('impossible' in adoption) {
      never.push({ finding, why: adoption.impossible });
      continue;
    }
    const edits = [...adopted.flatMap((one) => one.edits), ...adoption.edits];
    const next = editDeclaration(declaration.sources, edits);
    const checked = checkSources(next.sources);
    const fault = checked.diagnostics.find(({ severity }) => severity === 'error');
    if (checked.policy && !fault) {
      adopted.push({ finding, edits: adoption.edits });
      edited = next;
      policy = checked.policy;
    } else {
      const text = fault ? diagnosticText(fault, next.sources).split('\n')[0] : 'it is faulty';
      never.push({ finding, why: `the declaration would be faulty: ${text}` });
    }
  }
  return { adopted, never, edited, policy };
}

function documentLines({ documents }: EditedDeclaration): readonly string[] {
  return documents.map(({ document, file, line, text }, index) => {
    const marker = index === 0 ? '' : '---\n';
    if (text === undefined) return `${marker}# ${file}:${line}: remove ${document}`;
    return `${marker}# ${file}:${line}: instead of the ${document} that is there\n${text.trimEnd()}`;
  });
}

/** What is said beside the documents, on standard error. */
function notes({ adopted, never }: AdoptionPlan, left: DriftSurvey): readonly string[] {
  const lines = never.map(
    ({ finding, why }) => `! never legal: ${finding.where}: ${finding.subject}: ${why}`,
  );
  if (adopted.length === 0) return [...lines, 'Nothing was found that could be declared.'];
  const ahead = allFindings(left).filter(({ by }) => by === 'apply').length;
  const what = adopted.map(({ finding }) => `  ${finding.where}: ${finding.subject}`);
  const next =
    ahead > 0
      ? 'Next: write them, postern check, and postern apply: names and other objects follow.'
      : 'Next: write them, and postern check. There is nothing to apply.';
  return [...lines, 'The documents make legal:', ...what, next];
}

function adoptionJson({ adopted, never, edited }: AdoptionPlan, left: DriftSurvey): string {
  return JSON.stringify(
    {
      documents: edited.documents,
      adopted: adopted.map(({ finding }) => finding),
      never: never.map(({ finding, why }) => ({ finding, why })),
      left: allFindings(left),
    },
    null,
    2,
  );
}
