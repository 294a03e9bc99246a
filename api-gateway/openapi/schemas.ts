/** What answers look like. What the schema of AgentSession says is taken from there. */
import { REST_STATUSES, STATUSES } from '../picture.ts';
import { partOf, sessionSchema } from '../schema/crd.ts';
import { restSchema } from '../schema/rest-names.ts';
import { type Json, object, ref } from './parts.ts';
import { requestProperties } from './requests.ts';

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function schemas(): Json {
  const { spec, status } = sessionSchema();
  const text = { type: 'string' };
  const maybeText = { type: ['string', 'null'] };
  const maybe = (...path: string[]): Json => ({ oneOf: [{ type: 'null' }, restSchema(partOf(spec, ...path))] });
  const count = { type: 'integer', minimum: 0 };
  const cost: Json = {
    type: ['number', 'null'],
    minimum: 0,
    description: 'Of the calls whose price is known; null when it is known of none.',
  };
  const unpriced = { ...count, description: 'Calls of models whose price nobody knows: see pricing of an AIProfile.' };
  const usage = object({ input_tokens: count, output_tokens: count, cost_usd: cost, unpriced_calls: unpriced }, [
    'input_tokens',
    'output_tokens',
    'cost_usd',
    'unpriced_calls',
  ]);
  const uid = {
    ...maybeText,
    description: 'UID of the Pod, or id of the sandbox at Daytona; another one when it was made anew.',
  };
  const sandbox: Json = { type: maybeText, name: maybeText, uid, image: maybeText };
  const summary: Json = {
    id: { type: 'string', description: 'Name of the AgentSession object; a UUID when it was made here.' },
    uid: { ...maybeText, description: 'Of the object: a name that is used again gets another one.' },
    status: { type: 'string', enum: STATUSES, description: 'Whose turn it is, or how it ended.' },
    result: { oneOf: [{ type: 'null' }, restSchema(partOf(status, 'result'))], description: 'null until it is finished.' },
    phase: { type: 'string', enum: Object.keys(REST_STATUSES) },
    reason: { ...maybeText, description: 'Why it is where it is, as a stable word.' },
    message: { ...maybeText, description: 'Why it is where it is, as a sentence.' },
    goal: text,
    repo_url: text,
    ref: maybeText,
    mode: { type: 'string', enum: ['auto', 'review'] },
    profile: { ...maybeText, description: 'The AIProfile that the session names.' },
    sandbox: { oneOf: [{ type: 'null' }, object(sandbox, Object.keys(sandbox))], description: 'Where its commands run.' },
    author: maybeText,
    plan_progress: {
      oneOf: [{ type: 'null' }, object({ completed: count, total: count }, ['completed', 'total'])],
      description: 'Steps of the plan that are done or skipped, of all.',
    },
    limits: restSchema(partOf(spec, 'limits')),
    iteration: count,
    steps: { ...count, description: 'Model calls so far.' },
    usage,
    created_at: maybeText,
    started_at: maybeText,
    finished_at: maybeText,
    deleted_at: { ...maybeText, description: 'Since when it is being deleted.' },
  };
  const step = object(
    {
      id: text,
      title: text,
      details: text,
      status: { type: 'string', enum: ['pending', 'in_progress', 'completed', 'skipped'] },
    },
    ['id', 'title', 'status'],
  );
  const plan = object(
    {
      revision: { type: 'integer', minimum: 1 },
      title: text,
      steps: { type: 'array', items: step },
      checks: { type: 'array', items: text },
      approved: { type: 'boolean' },
      waiting_for_approval: { type: 'boolean' },
    },
    ['revision', 'title', 'steps', 'checks', 'approved', 'waiting_for_approval'],
  );
  const input = object(
    {
      id: text,
      message: text,
      author: maybeText,
      sent_at: maybeText,
      when: { type: 'string', enum: ['queued', 'next-step', 'now'] },
      applied: { enum: ['goal', 'answer', 'steering', 'refused', null], description: 'What became of it; null: not yet.' },
    },
    ['id', 'message', 'author', 'sent_at', 'when', 'applied'],
  );
  const detail: Json = {
    logs: { type: 'array', items: text, description: 'The log for people. Lines are only ever added.' },
    plan: { oneOf: [{ type: 'null' }, ref('Plan')] },
    question: { oneOf: [{ type: 'null' }, object({ id: text, text }, ['id', 'text'])] },
    activity: {
      oneOf: [{ type: 'null' }, object({ summary: text, since: text }, ['summary', 'since'])],
      description: 'The tool call that runs.',
    },
    inputs: { type: 'array', items: input },
    suspended: { type: 'boolean' },
    conditions: restSchema(partOf(status, 'conditions')),
    sandbox: {
      oneOf: [
        { type: 'null' },
        object({ ...record(restSchema(partOf(spec, 'sandbox')).properties), ...sandbox }, Object.keys(sandbox)),
      ],
      description: 'Where its commands run, with all that was asked for.',
    },
    depth: maybe('repository', 'depth'),
    credentials_secret: maybeText,
    role_profiles: maybe('roleProfiles'),
    priority: maybe('priority'),
    verify: restSchema(partOf(spec, 'verify')),
    publish: maybe('publish'),
    ttl_seconds_after_finished: maybe('ttlSecondsAfterFinished'),
  };
  const event: Json = object({ seq: { ...count, minimum: 1 }, type: text, time: text }, ['seq', 'type', 'time'], {
    additionalProperties: true,
  });
  const done: Json = { id: text, status: { type: 'string', enum: STATUSES }, message: text };
  const doneKeys = ['id', 'status', 'message'];
  return {
    SessionRequest: object(requestProperties(), ['goal', 'repo_url'], { additionalProperties: false }),
    Session: object({ ...summary, ...detail }, [...Object.keys(summary), ...Object.keys(detail)]),
    SessionSummary: object(summary, Object.keys(summary)),
    SessionList: object({ items: { type: 'array', items: ref('SessionSummary') }, continue: maybeText }, ['items', 'continue']),
    EventHistory: object(
      {
        items: { type: 'array', items: event, description: 'Events as they are stored.' },
        last_seq: { ...count, description: 'Of the log. Below after: the log lost events that the reader knew; it starts over.' },
        next: { type: ['integer', 'null'], description: 'after of the next page; null when there is none.' },
      },
      ['items', 'last_seq', 'next'],
    ),
    Plan: plan,
    Acknowledgement: object(done, doneKeys),
    Approval: object({ ...done, revision: { type: 'integer', minimum: 1 } }, [...doneKeys, 'revision']),
    InputReceipt: object({ ...done, input_id: text }, [...doneKeys, 'input_id']),
    LimitsAnswer: object({ ...done, limits: restSchema(partOf(spec, 'limits')) }, [...doneKeys, 'limits']),
    Readiness: object(
      {
        status: { type: 'string', enum: ['ready', 'not ready'] },
        checks: object({ kubernetes: text, log: text }, ['kubernetes', 'log']),
      },
      ['status', 'checks'],
    ),
    Problem: object(
      {
        type: { type: 'string', description: 'A URI that names the kind of problem.' },
        title: text,
        status: { type: 'integer', minimum: 400, maximum: 599 },
        detail: text,
        errors: { type: 'array', items: object({ field: text, message: text }, ['field', 'message']) },
      },
      ['type', 'title', 'status', 'detail'],
      { description: 'RFC 9457 problem details.' },
    ),
  };
}
