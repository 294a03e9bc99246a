/** What is in the form, and the request that it makes. Pure. */
import { type Fields, fields, flag, number, oneOf, text, texts } from '../api/read.ts';
import { REQUEST_FIELDS } from './request-fields.gen.ts';

/** Every field as it is typed. Empty means: as the server has it. */
export type Draft = {
  goal: string;
  repo_url: string;
  ref: string;
  mode: 'auto' | 'review';
  profile: string;
  /** One command per line. */
  verify: string;
  max_cost_usd: string;
  max_steps: string;
  max_tokens: string;
  timeout_minutes: string;
  max_review_rounds: string;
  sandbox_type: string;
  image: string;
  runtime_class_name: string;
  branch: string;
  push: boolean;
  planner: string;
  programmer: string;
  reviewer: string;
  depth: string;
  credentials_secret: string;
  priority: string;
  delete_after_days: string;
};

export const EMPTY: Draft = {
  goal: '',
  repo_url: '',
  ref: '',
  mode: 'auto',
  profile: '',
  verify: '',
  max_cost_usd: '',
  max_steps: '',
  max_tokens: '',
  timeout_minutes: '',
  max_review_rounds: '',
  sandbox_type: '',
  image: '',
  runtime_class_name: '',
  branch: '',
  push: true,
  planner: '',
  programmer: '',
  reviewer: '',
  depth: '',
  credentials_secret: '',
  priority: '',
  delete_after_days: '',
};

/** The fields that most people never need. */
export const ADVANCED: readonly (keyof Draft)[] = [
  'max_steps',
  'max_tokens',
  'timeout_minutes',
  'max_review_rounds',
  'sandbox_type',
  'image',
  'runtime_class_name',
  'branch',
  'push',
  'planner',
  'programmer',
  'reviewer',
  'depth',
  'credentials_secret',
  'priority',
  'delete_after_days',
];

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

/** Where each field goes in a request, and in which unit: the number typed times `times`. */
type NumberPlace = { path: keyof typeof REQUEST_FIELDS; times: number };
type NumberKey =
  | 'max_cost_usd'
  | 'max_steps'
  | 'max_tokens'
  | 'timeout_minutes'
  | 'max_review_rounds'
  | 'depth'
  | 'priority'
  | 'delete_after_days';
const NUMBERS: Readonly<Record<NumberKey, NumberPlace>> = {
  max_cost_usd: { path: 'limits.max_cost_usd', times: 1 },
  max_steps: { path: 'limits.max_steps', times: 1 },
  max_tokens: { path: 'limits.max_tokens', times: 1 },
  timeout_minutes: { path: 'limits.timeout_seconds', times: MINUTE },
  max_review_rounds: { path: 'limits.max_review_rounds', times: 1 },
  depth: { path: 'depth', times: 1 },
  priority: { path: 'priority', times: 1 },
  delete_after_days: { path: 'ttl_seconds_after_finished', times: DAY },
};

const TEXTS: Readonly<Partial<Record<keyof Draft, string>>> = {
  goal: 'goal',
  repo_url: 'repo_url',
  ref: 'ref',
  profile: 'profile',
  sandbox_type: 'sandbox.type',
  image: 'sandbox.image',
  runtime_class_name: 'sandbox.runtime_class_name',
  branch: 'publish.branch',
  planner: 'role_profiles.planner',
  programmer: 'role_profiles.programmer',
  reviewer: 'role_profiles.reviewer',
  credentials_secret: 'credentials_secret',
};

/** Where a field that takes a number goes in a request; undefined for other fields. */
export function numberPlace(key: keyof Draft): NumberPlace | undefined {
  return isNumberKey(key) ? NUMBERS[key] : undefined;
}

/** The body of POST /agent/sessions. Numbers that are none stay texts, for the check to name them. */
export function requestOf(draft: Draft): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const key of keys()) {
    const value = draft[key];
    if (typeof value !== 'string') continue;
    const place = TEXTS[key];
    const typed = value.trim();
    if (typed === '' || !isUsed(key, draft)) continue;
    if (place !== undefined) put(body, place, typed);
    const numeric = numberPlace(key);
    if (numeric) put(body, numeric.path, numberOf(typed, numeric.times));
  }
  if (draft.mode !== 'auto') body.mode = draft.mode;
  if (!draft.push) put(body, 'publish.push', false);
  const commands = lines(draft.verify);
  if (commands.length > 0) body.verify = commands;
  return body;
}

/** The field in which something that the server, or the schema, names is typed. */
export function fieldOf(path: string): keyof Draft | undefined {
  if (path === 'mode') return 'mode';
  if (path === 'publish.push') return 'push';
  if (/^verify\b/.test(path)) return 'verify';
  return keys().find((key) => TEXTS[key] === path || numberPlace(key)?.path === path);
}

/** Whether the form shows the field; what it hides is not sent. */
export function isUsed(key: keyof Draft, draft: Draft): boolean {
  if (key === 'image') return draft.sandbox_type !== 'local';
  if (key === 'runtime_class_name') return draft.sandbox_type === '' || draft.sandbox_type === 'pod';
  return true;
}

/** The form as it has to be filled to do again what a session did, from GET /agent/sessions/:id. */
export function draftOf(session: unknown): Draft {
  const given = fields(session);
  const limits = fields(given.limits);
  const sandbox = fields(given.sandbox);
  const publish = fields(given.publish);
  const roles = fields(given.role_profiles);
  const numbers = { ...given, ...Object.fromEntries(Object.entries(limits).map(([name, value]) => [`limits.${name}`, value])) };
  return {
    ...EMPTY,
    goal: text(given.goal, ''),
    repo_url: text(given.repo_url, ''),
    ref: text(given.ref, ''),
    mode: oneOf(given.mode, ['auto', 'review'], 'auto'),
    profile: text(given.profile, ''),
    verify: texts(given.verify).join('\n'),
    ...numbersOf(numbers),
    sandbox_type: text(sandbox.type, ''),
    image: text(sandbox.image, ''),
    runtime_class_name: text(sandbox.runtime_class_name, ''),
    branch: '',
    push: flag(publish.push, true),
    planner: text(roles.planner, ''),
    programmer: text(roles.programmer, ''),
    reviewer: text(roles.reviewer, ''),
    credentials_secret: text(given.credentials_secret, ''),
  };
}

/** What was kept of a form, whatever an older version of the page kept there. */
export function readDraft(value: unknown): Draft {
  const given = fields(value);
  const kept = keys().filter((key) => typeof given[key] === typeof EMPTY[key]);
  return {
    ...EMPTY,
    ...Object.fromEntries(kept.map((key) => [key, given[key]])),
    mode: oneOf(given.mode, ['auto', 'review'], 'auto'),
  };
}

export function isEmpty(draft: Draft): boolean {
  return keys().every((key) => draft[key] === EMPTY[key]);
}

export function lines(typed: string): string[] {
  return typed
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function keys(): (keyof Draft)[] {
  return ['goal', 'repo_url', 'ref', 'mode', 'profile', 'verify', 'max_cost_usd', ...ADVANCED];
}

function numbersOf(given: Fields): Partial<Record<NumberKey, string>> {
  const out: Partial<Record<NumberKey, string>> = {};
  for (const key of keys().filter(isNumberKey)) {
    const { path, times } = NUMBERS[key];
    const value = number(given[path]);
    // What is usual anyway is left to the server.
    const bounds = REQUEST_FIELDS[path];
    const usual = 'default' in bounds ? bounds.default : undefined;
    if (value !== null && value !== usual) out[key] = String(Number((value / times).toPrecision(6)));
  }
  return out;
}

function isNumberKey(key: keyof Draft): key is NumberKey {
  return Object.hasOwn(NUMBERS, key);
}

/** Comma or point, as people type it; what is no number stays as it is. */
function numberOf(typed: string, times: number): number | string {
  const value = Number(typed.replace(',', '.'));
  if (Number.isNaN(value)) return typed;
  return times === 1 ? value : Math.round(value * times);
}

function put(target: Record<string, unknown>, path: string, value: unknown): void {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = { ...fields(target[first]) };
  put(inner, rest.join('.'), value);
  target[first] = inner;
}
