/** What a failed call means, from what the server said. Pure; the wordings are those of the servers seen in the wild. */
import type { AccessSubject, ModelErrorClass } from './provider.ts';

/** A failed answer, or an error within a stream (no status). Absent texts are empty. */
export type Failure = {
  status: number | undefined;
  code: string;
  type: string;
  param: string;
  /** All that was said, in whatever form, to judge by; not to be shown. */
  message: string;
  /**
   * What of it may be shown: the message of an error object. A profile's author chooses the address, and shall not get to
   * read the pages of whatever else answers there.
   */
  shown: string;
  header(name: string): string | undefined;
  /** The error object as it came. */
  body: unknown;
};

/** refusal: the provider's filter refused the input; that is an answer, not an error. */
export type Verdict = { class: ModelErrorClass | 'refusal'; about?: AccessSubject; retryAfterMs?: number };

const OVERFLOW = [
  /context[_ ](length|window|size)/i,
  /maximum (context|prompt|input|sequence) length/i,
  /(prompt|input|request|message)s? (is|are|was|were) too (long|large)/i,
  /exceed\w* .{0,40}(context|token limit|max\w* (input )?tokens|model'?s? limit|input limit)/i,
  /(too many|number of) (input |prompt )?tokens .{0,60}(exceed|larger|greater|than)/i,
  /input token count .{0,40}exceeds/i,
  /tokens? to keep from the initial prompt is greater/i,
  /reduce the length of (the|your) (messages|input|prompt)/i,
  /must be <= ?\d+/i,
  /exceed_context_size/i,
];
/** A limit per minute that this request alone is above: waiting never helps, a shorter request does. */
const TOO_LARGE = /input or output tokens must be reduced|request too large for/i;
const QUOTA =
  /billing_error|credit balance is too low|spend[_ ]limit[_ ]reached|insufficient[_ ]?(quota|balance|credits?|funds)|exceeded your current quota|billing[_ ](hard[_ ]limit|not[_ ]active)|arrearage|out of credits|credits? (are |is |have been )?(exhausted|depleted|used up)|payment required|negative balance/i;
const KEY =
  /user location is not supported|(incorrect|invalid|bad|missing|wrong|no) (api|access)?[ _-]?key|api[ _-]?key (is )?(not valid|invalid|missing|expired)|invalid_api_key|unauthorized|authentication/i;
const NO_MODEL =
  /does not support tools|model[_ ]?not[_ ]?found|model .{0,200}(does not exist|not exist|not found|is not available|not supported by any)|not a valid model|unknown model|no such model|invalid model|unsupported model|no models? loaded/i;
const NO_TOOLS = /does not support tools/i;
const FILTERED = new Set([
  'content_filter',
  'content_policy_violation',
  'invalid_prompt',
  'bio_policy',
  'cyber_policy',
  'misalignment_policy_violation',
  'responsibleaipolicyviolation',
  'data_inspection_failed',
]);
const PASSING = new Set([
  'server_error',
  'rate_limit_exceeded',
  'rate_limit_error',
  'overloaded_error',
  'server_overloaded',
  'slow_down',
  'timeout',
  'api_error',
  'internal_error',
  'service_unavailable_error',
]);

/** Google says when to come back also where nothing is left for the day, or the plan never had anything. */
const QUOTA_OF_A_DAY = /"quotaId":"[^"]*PerDay|exceeded your current quota.{0,400}limit: 0\b/;
/** Filters that are told by their words alone. */
const FILTERED_WORDS = /blocked by content filtering policy/i;

export function verdictOf(failure: Failure, now: number): Verdict {
  const { status, code, type, message } = failure;
  const words = `${code} ${type} ${message}`;
  if (FILTERED.has(code.toLowerCase()) || FILTERED.has(type.toLowerCase()) || FILTERED_WORDS.test(message))
    return { class: 'refusal' };
  if (status === 413 || TOO_LARGE.test(words) || (status !== 429 && OVERFLOW.some((pattern) => pattern.test(words))))
    return { class: 'overflow' };
  if (status === 402 || code === 'insufficient_quota' || type === 'insufficient_quota') return { class: 'quota' };
  const wait = retryAfter(failure, now);
  // Some providers use the words of a used-up account for a passing limit, but then say when to come back.
  if (QUOTA.test(words) && wait === undefined) return { class: 'quota' };
  if (QUOTA_OF_A_DAY.test(JSON.stringify(failure.body) ?? '')) return { class: 'quota' };
  if (status === 429) return passing(wait);
  if (status === 401 || status === 403) return access(words, status);
  if ((status ?? 400) < 500 && (KEY.test(words) || NO_MODEL.test(words))) return access(words, status);
  if (status === undefined) return type === 'invalid_request_error' && !PASSING.has(code) ? { class: 'invalid' } : passing(wait);
  if (status === 408 || status === 409 || status === 425 || status >= 500) return passing(wait);
  // An item that the server says it does not have was in our request; any other 404 is a wrong address.
  if (status === 404) return /^item with id/i.test(message) ? { class: 'invalid' } : access(words, status);
  if (status < 400 || status === 405 || status === 410) return { class: 'access' };
  return { class: 'invalid' };
}

function access(words: string, status: number | undefined): Verdict {
  if (NO_TOOLS.test(words)) return { class: 'access', about: 'tools' };
  if (NO_MODEL.test(words) || (status === 404 && /model/i.test(words))) return { class: 'access', about: 'model' };
  return { class: 'access', ...((status === 401 || KEY.test(words)) && { about: 'key' }) };
}

function passing(wait: number | undefined): Verdict {
  return { class: 'transient', ...(wait !== undefined && { retryAfterMs: wait }) };
}

/** How long the server asks to wait, in ms: the most exact of the ways in which it says so. */
export function retryAfter(failure: Failure, now: number): number | undefined {
  const exact = Number(failure.header('retry-after-ms') ?? Number.NaN);
  if (exact >= 0) return exact;
  const header = failure.header('retry-after');
  if (header !== undefined) {
    const seconds = Number(header);
    if (seconds >= 0) return seconds * 1_000;
    const date = Date.parse(header);
    if (!Number.isNaN(date)) return Math.max(0, date - now);
  }
  const said =
    /(?:try again|retry) (?:in|after) ((?:[\d.]+ ?(?:ms|s|m|h|seconds?|minutes?)\s?)+)/i.exec(failure.message)?.[1] ??
    /"retryDelay":"([^"]+)"/.exec(JSON.stringify(failure.body) ?? '')?.[1];
  const fromWords = said === undefined ? undefined : duration(said);
  if (fromWords !== undefined) return fromWords;
  const resets = ['requests', 'tokens'].flatMap((what) => {
    const reset = duration(failure.header(`x-ratelimit-reset-${what}`) ?? '');
    return reset === undefined
      ? []
      : [{ reset, spent: Number(failure.header(`x-ratelimit-remaining-${what}`) ?? Number.NaN) === 0 }];
  });
  const relevant = resets.some((one) => one.spent) ? resets.filter((one) => one.spent) : resets;
  if (relevant.length) return Math.max(...relevant.map((one) => one.reset));
  const at = Number(failure.header('x-ratelimit-reset') ?? Number.NaN);
  if (!(at >= 0)) return undefined;
  // Seconds from now, a time in seconds or a time in ms, by its size.
  return Math.max(0, at < 1e9 ? at * 1_000 : (at < 1e12 ? at * 1_000 : at) - now);
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Durations as 6m0s, 1.5s, 20ms, 30 seconds; a bare number is seconds. */
function duration(text: string): number | undefined {
  const trimmed = text.trim().toLowerCase();
  if (/^[\d.]+$/.test(trimmed)) return Number(trimmed) * 1_000;
  const parts = [...trimmed.matchAll(/([\d.]+) ?(ms|s|m|h)/g)];
  if (!parts.length) return undefined;
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ''] ?? 0), 0));
}

const UNKNOWN_PARAMETER =
  /unsupported|not support|unknown|unrecogni[sz]ed|unexpected|extra (inputs?|fields?|param)|not permitted|not allowed|deprecated|may (only|not) be|cannot both be|only the default|does not (exist|accept)|only allowed/i;

/** Which of these parameters the server does not know or take, when that is why it refused the request. */
export function refusedParameter(failure: Failure, names: readonly string[]): string | undefined {
  if (failure.status !== 400 && failure.status !== 422) return undefined;
  const words = `${failure.code} ${failure.message}`;
  if (!UNKNOWN_PARAMETER.test(words)) return undefined;
  const named = names.includes(failure.param) ? failure.param : firstNamed(words, names);
  // A level of effort that this model does not have is the user's to correct.
  if (named !== undefined && EFFORT.has(named) && /unsupported[_ ]value/i.test(words)) return undefined;
  return named;
}

const EFFORT = new Set(['reasoning.effort', 'reasoning_effort', 'reasoning']);

/** The name that comes first: what is to be used instead is said after it. */
function firstNamed(words: string, names: readonly string[]): string | undefined {
  const found = names.flatMap((name) => {
    const at = words.search(new RegExp(`(?<!\\w)${name.replaceAll('.', '\\.')}(?!\\w)`));
    return at < 0 ? [] : [{ name, at }];
  });
  return found.sort((a, b) => a.at - b.at)[0]?.name;
}
