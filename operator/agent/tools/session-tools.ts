/**
 * What the arguments of the session tools mean; the engine does what they ask. Parsers forgive where the meaning is clear
 * and say what to change where it is not.
 */
import type { PlanStep, ReviewFinding } from '../../engine/event-parts.ts';
import { readJson } from './json-repair.ts';
import { LIMITS, STATUSES } from './session-tool-specs.ts';

export type Parsed<T> = { value: T } | { error: string };

export type PlanSubmission = { title: string; steps: { id: string; title: string; details?: string }[]; checks: string[] };
export type PlanUpdate = { steps: { id: string; status: PlanStep['status'] }[] };
export type ReviewSubmission = { verdict: 'approve' | 'request_changes'; findings: ReviewFinding[]; summary: string };

/** Missing ids are filled in with the number of the step; a title that is too long moves into the details. */
export function parseSubmitPlan(args: Record<string, unknown>): Parsed<PlanSubmission> {
  const items = list(args.steps);
  if (items.length === 0) return { error: 'submit_plan: "steps" is empty or missing. Give a list of {id, title, details?}.' };
  if (items.length > LIMITS.steps) {
    return {
      error: `submit_plan: ${items.length} steps are too many; at most ${LIMITS.steps}. Merge steps that belong together.`,
    };
  }
  const given = items.map((item) => (isRecord(item) ? text(item.id) : '')).filter((id) => id !== '');
  const twice = given.find((id, index) => given.indexOf(id) !== index);
  if (twice) return { error: `submit_plan: two steps have the id ${JSON.stringify(twice)}. Every step needs its own.` };
  const taken = new Set(given);
  const steps: PlanSubmission['steps'] = [];
  for (const [index, item] of items.entries()) {
    const step = planStep(item, index, taken);
    if ('error' in step) return { error: `submit_plan: ${step.error}` };
    steps.push(step.value);
  }
  const checks = list(args.checks)
    .map(text)
    .filter((check) => check !== '');
  if (checks.length > LIMITS.checks) {
    return { error: `submit_plan: ${checks.length} checks are too many; at most ${LIMITS.checks}.` };
  }
  const long = checks.find((check) => check.length > LIMITS.check);
  if (long)
    return { error: `submit_plan: a check has ${long.length} characters; at most ${LIMITS.check}: ${long.slice(0, 80)}...` };
  const title = oneLine(text(args.title)) || (steps[0]?.title ?? '');
  return { value: { title: shortened(title, LIMITS.planTitle), steps, checks } };
}

/** Whether the ids exist is for the engine to say. */
export function parseUpdatePlan(args: Record<string, unknown>): Parsed<PlanUpdate> {
  const single = args.steps === undefined && args.id !== undefined ? [args] : list(args.steps);
  // {"1": "completed"} says the same as a list.
  const items = single.flatMap((item) =>
    isRecord(item) && item.id === undefined && item.status === undefined
      ? Object.entries(item).map(([id, status]): unknown => ({ id, status }))
      : [item],
  );
  if (items.length === 0) return { error: 'update_plan: "steps" is empty or missing. Give a list of {id, status}.' };
  const steps: PlanUpdate['steps'] = [];
  for (const [index, item] of items.entries()) {
    const id = isRecord(item) ? text(item.id) : '';
    if (!isRecord(item) || id === '') return { error: `update_plan: item ${index + 1} of "steps" has no id.` };
    const status = statusOf(text(item.status));
    if (!status) {
      return {
        error: `update_plan: the status of step ${id} is ${JSON.stringify(item.status ?? null)}; it must be one of ${STATUSES.join(', ')}.`,
      };
    }
    steps.push({ id, status });
  }
  return { value: { steps } };
}

export function parseFinish(args: Record<string, unknown>): Parsed<{ summary: string }> {
  const summary = text(args.summary);
  if (summary === '') return { error: 'finish: "summary" is missing. Say what was changed and how you saw that it works.' };
  if (summary.length > LIMITS.summary) return { error: tooLong('finish', 'summary', summary, LIMITS.summary) };
  return { value: { summary } };
}

export function parseSubmitReview(args: Record<string, unknown>): Parsed<ReviewSubmission> {
  const verdict = verdictOf(text(args.verdict));
  if (!verdict) {
    return {
      error: `submit_review: "verdict" is ${JSON.stringify(args.verdict ?? null)}; it must be approve or request_changes.`,
    };
  }
  const items = list(args.findings);
  if (verdict === 'approve' && items.length > 0) {
    return {
      error:
        'submit_review: approve goes with no findings. If they must be mended before the work is accepted, the verdict is request_changes; if not, put them into "summary" and leave "findings" empty.',
    };
  }
  if (verdict === 'request_changes' && items.length === 0) {
    return {
      error:
        'submit_review: request_changes needs at least one finding {file, line?, problem}; without one the verdict is approve.',
    };
  }
  if (items.length > LIMITS.findings) {
    return { error: `submit_review: ${items.length} findings are too many; give the ${LIMITS.findings} that matter most.` };
  }
  const findings: ReviewFinding[] = [];
  for (const [index, item] of items.entries()) {
    const finding = reviewFinding(item);
    if ('error' in finding) return { error: `submit_review: finding ${index + 1} ${finding.error}` };
    findings.push(finding.value);
  }
  const summary = text(args.summary);
  if (summary.length > LIMITS.summary) return { error: tooLong('submit_review', 'summary', summary, LIMITS.summary) };
  return { value: { verdict, findings, summary } };
}

export function parseAskUser(args: Record<string, unknown>): Parsed<{ question: string }> {
  const question = text(args.question);
  if (question === '') return { error: 'ask_user: "question" is missing.' };
  if (question.length > LIMITS.question) return { error: tooLong('ask_user', 'question', question, LIMITS.question) };
  return { value: { question } };
}

function planStep(item: unknown, index: number, taken: Set<string>): Parsed<PlanSubmission['steps'][number]> {
  const step: Record<string, unknown> = isRecord(item) ? item : { title: item };
  const details = text(step.details ?? step.description);
  const [first = '', ...rest] = (text(step.title ?? step.step ?? step.name) || details).split('\n');
  const title = first.trim();
  if (title === '') return { error: `step ${index + 1} has no title.` };
  const id = text(step.id) || unusedId(index + 1, taken);
  if (id.length > LIMITS.stepId)
    return { error: `the id of step ${index + 1} has ${id.length} characters; at most ${LIMITS.stepId}.` };
  taken.add(id);
  const overflow = title.length > LIMITS.stepTitle ? title : '';
  const all = [overflow, rest.join('\n').trim(), details === title ? '' : details].filter((part) => part !== '').join('\n\n');
  if (all.length > LIMITS.stepDetails) {
    return { error: `the details of step ${index + 1} have ${all.length} characters; at most ${LIMITS.stepDetails}.` };
  }
  return { value: { id, title: shortened(title, LIMITS.stepTitle), ...(all === '' ? {} : { details: all }) } };
}

function unusedId(number: number, taken: ReadonlySet<string>): string {
  let id = String(number);
  for (let suffix = 2; taken.has(id); suffix++) id = `${number}-${suffix}`;
  return id;
}

function reviewFinding(item: unknown): Parsed<ReviewFinding> {
  if (!isRecord(item)) return { error: 'must be an object {file, line?, problem}.' };
  const problem = text(item.problem ?? item.description ?? item.message);
  if (problem === '') return { error: 'has no "problem": say what goes wrong and when.' };
  if (problem.length > LIMITS.findingProblem)
    return { error: `has a problem of ${problem.length} characters; at most ${LIMITS.findingProblem}.` };
  // path:12 and path:12-20 name the line as well.
  const [, path = '', inPath] = /^(.*?)(?::(\d+)(?:[-:]\d+)?)?$/s.exec(text(item.file ?? item.path)) ?? [];
  const file = path.replace(/^(\.\/)+/, '');
  if (file === '') return { error: 'has no "file": name the file, relative to the root of the repository.' };
  if (file.startsWith('/') || file.split('/').includes('..')) {
    return { error: `names ${JSON.stringify(file)}: give the path relative to the root of the repository.` };
  }
  if (file.length > LIMITS.findingFile)
    return { error: `has a file name of ${file.length} characters; at most ${LIMITS.findingFile}.` };
  const line = Number.parseInt(text(item.line) || (inPath ?? ''), 10);
  return { value: { file, ...(line > 0 ? { line } : {}), problem } };
}

function statusOf(value: string): PlanStep['status'] | undefined {
  const plain = value.toLowerCase().replace(/[\s-]+/g, '_');
  const synonyms: Record<string, PlanStep['status']> = {
    done: 'completed',
    complete: 'completed',
    finished: 'completed',
    started: 'in_progress',
    inprogress: 'in_progress',
    todo: 'pending',
    open: 'pending',
    cancelled: 'skipped',
  };
  return STATUSES.find((status) => status === plain) ?? synonyms[plain];
}

function verdictOf(value: string): ReviewSubmission['verdict'] | undefined {
  const plain = value.toLowerCase().replace(/[\s-]+/g, '_');
  if (['approve', 'approved'].includes(plain)) return 'approve';
  if (['request_changes', 'changes_requested', 'requested_changes', 'reject', 'rejected'].includes(plain))
    return 'request_changes';
  return undefined;
}

/** A list, a single item in the place of a list, or either of them written as JSON in a string. */
function list(value: unknown): unknown[] {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value)) return value;
  if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
    const read = readJson(value);
    if ('value' in read && typeof read.value === 'object') return list(read.value);
  }
  return [value];
}

function text(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function oneLine(value: string): string {
  return value.replace(/\s+/g, ' ');
}

function shortened(value: string, max: number): string {
  return value.length <= max ? value : `${value.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function tooLong(tool: string, name: string, value: string, max: number): string {
  return `${tool}: "${name}" has ${value.length} characters; at most ${max}.`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
