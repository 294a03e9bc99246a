/** The OpenAPI 3.1 document. What the schema of AgentSession says is taken from there; only what REST adds is written here. */
import { REST_STATUSES, STATUSES } from './picture.ts';
import { partOf, sessionSchema } from './schema/crd.ts';
import { restSchema } from './schema/rest-names.ts';
import { inputSchema, REQUEST_FIELDS, requestSchema } from './session-request.ts';

type Json = Record<string, unknown>;

let built: Json | undefined;

/** The document; built once. */
export function openApi(): Json {
  built ??= {
    openapi: '3.1.0',
    info: {
      title: 'SWE Agent',
      version: 'v1alpha1',
      description:
        'Hand over a goal and a git repository; get a reviewed branch with evidence. Every session is an AgentSession object of the Kubernetes API group sweagent.dev: what can be done here can be done with kubectl. The endpoints below /agent/tasks are the same under another name.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{}, { bearer: [] }, { cookie: [] }],
    tags: [
      { name: 'sessions', description: 'Pieces of work.' },
      { name: 'tasks', description: 'The same pieces of work under the name that the tasks guide uses.' },
      { name: 'server', description: 'The server itself.' },
    ],
    paths: { ...familyPaths('session'), ...familyPaths('task'), ...serverPaths() },
    components: { schemas: schemas(), securitySchemes: securitySchemes(), parameters: parameters() },
  };
  return built;
}

function familyPaths(noun: 'session' | 'task'): Json {
  const base = `/agent/${noun}s`;
  const operation = (
    id: string,
    summary: string,
    parts: { parameters?: Json[]; body?: Json; optional?: boolean; answers: Json },
  ) => ({
    operationId: `${noun}${id}`,
    tags: [`${noun}s`],
    summary,
    ...(parts.parameters && { parameters: parts.parameters }),
    ...(parts.body && { requestBody: { required: !parts.optional, content: json(parts.body) } }),
    responses: { ...parts.answers, ...problems() },
  });
  const acts = (id: string, summary: string) => ({
    post: operation(id, summary, { answers: { 200: answer('What was done.', ref('Acknowledgement')) } }),
    parameters: [parameter('id')],
  });
  const created = object({ [`${noun}_id`]: { type: 'string' } }, [`${noun}_id`]);
  return {
    [base]: {
      post: operation('Create', `Starts a ${noun}.`, {
        parameters: [parameter('idempotencyKey')],
        body: ref('SessionRequest'),
        answers: {
          201: answer('Created; Location names it.', created),
          200: answer('Created before, with the same Idempotency-Key.', created),
        },
      }),
      get: operation('List', `Lists ${noun}s, newest first within a page.`, {
        parameters: [parameter('status'), parameter('limit'), parameter('continue')],
        answers: { 200: answer(`A page of ${noun}s.`, ref('SessionList')) },
      }),
    },
    [`${base}/{id}`]: {
      get: operation('Get', `Shows a ${noun}: where it is, its log, and its result.`, {
        answers: { 200: answer(`The ${noun}.`, ref('Session')) },
      }),
      delete: operation('Delete', `Deletes a ${noun} with its log, its workspace and its results. It stops if it runs.`, {
        answers: { 204: { description: 'It is being deleted.' } },
      }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/approve`]: {
      post: operation('Approve', 'Approves the plan that waits for approval, or the revision named if it is that one.', {
        body: object({ revision: { type: ['integer', 'null'], minimum: 1, description: 'The revision that was read.' } }, []),
        optional: true,
        answers: { 200: answer('The plan is approved.', ref('Approval')) },
      }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/input`]: {
      post: operation('Input', 'Sends a message.', {
        parameters: [parameter('idempotencyKey')],
        body: restSchema(inputRequest()),
        answers: { 202: answer('The message was received; what becomes of it.', ref('InputReceipt')) },
      }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/cancel`]: acts('Cancel', `Ends the ${noun} for good. What was done so far is kept.`),
    [`${base}/{id}/suspend`]: acts('Suspend', `Pauses the ${noun} until it is resumed.`),
    [`${base}/{id}/resume`]: acts('Resume', `Takes back a pause, the user's own and the platform's.`),
    [`${base}/{id}/limits`]: {
      patch: operation('Limits', 'Changes limits; null puts one back to its default.', {
        body: limitsRequest(),
        answers: { 200: answer('The limits as they are now.', ref('LimitsAnswer')) },
      }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/plan`]: {
      get: operation('Plan', 'Shows the current plan.', { answers: { 200: answer('The plan.', ref('Plan')) } }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/diff`]: {
      get: operation('Diff', 'The result as a patch.', { answers: { 200: content('The patch.', 'text/x-diff') } }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/bundle`]: {
      get: operation('Bundle', 'The branch as a git bundle: git fetch <file> <branch>.', {
        answers: { 200: content('The bundle.', 'application/x-git-bundle') },
      }),
      parameters: [parameter('id')],
    },
    [`${base}/{id}/blobs/{ref}`]: {
      get: operation('Blob', 'What was too large for an event.', {
        answers: {
          200: {
            description: 'The bytes.',
            content: { 'text/plain': { schema: { type: 'string' } }, 'application/octet-stream': { schema: { type: 'string' } } },
          },
        },
      }),
      parameters: [parameter('id'), parameter('blob')],
    },
    [`${base}/{id}/events`]: {
      get: operation('Events', 'The event log as server-sent events: what is stored, then what happens.', {
        parameters: [parameter('after'), parameter('lastEventId')],
        answers: {
          200: content(
            'Events. id is the sequence number, event the type, data the event as it is stored. log.reset: the reader knew more than the log; it starts over. session.deleted: the last one.',
            'text/event-stream',
          ),
        },
      }),
      parameters: [parameter('id')],
    },
  };
}

function serverPaths(): Json {
  const get = (operationId: string, summary: string, responses: Json) => ({
    get: { operationId, tags: ['server'], summary, security: [{}], responses },
  });
  return {
    '/': get('firstPage', 'How to begin.', {
      200: {
        description: 'A page, or text.',
        content: { 'text/html': { schema: { type: 'string' } }, 'text/plain': { schema: { type: 'string' } } },
      },
    }),
    '/openapi.json': get('openApi', 'This document.', { 200: answer('The document.', { type: 'object' }) }),
    '/healthz': get('healthz', 'Whether the process answers.', {
      200: answer('It does.', object({ status: { const: 'ok' } }, ['status'])),
    }),
    '/readyz': get('readyz', 'Whether the Kubernetes API and the event log can be reached.', {
      200: answer('They can.', ref('Readiness')),
      503: answer('One of them cannot.', ref('Readiness')),
    }),
    '/metrics': {
      get: {
        operationId: 'metrics',
        tags: ['server'],
        summary: 'Metrics in the text format of Prometheus.',
        responses: { 200: content('The metrics.', 'text/plain'), ...problems() },
      },
    },
    '/login': {
      post: {
        operationId: 'login',
        tags: ['server'],
        summary: 'Logs a browser in: answers with a cookie.',
        security: [{}],
        requestBody: { required: true, content: json(object({ token: { type: 'string' } }, ['token'])) },
        responses: { 204: { description: 'Logged in.' }, ...problems() },
      },
    },
    '/logout': {
      post: {
        operationId: 'logout',
        tags: ['server'],
        summary: 'Clears the cookie.',
        security: [{}],
        responses: { 204: { description: 'Logged out.' }, ...problems() },
      },
    },
  };
}

function schemas(): Json {
  const { spec, status } = sessionSchema();
  const text = { type: 'string' };
  const maybeText = { type: ['string', 'null'] };
  const count = { type: 'integer', minimum: 0 };
  const usage = object({ input_tokens: count, output_tokens: count, cost_usd: { type: 'number', minimum: 0 } }, [
    'input_tokens',
    'output_tokens',
    'cost_usd',
  ]);
  const summary: Json = {
    id: { type: 'string', description: 'Name of the AgentSession object; a UUID when it was made here.' },
    status: { type: 'string', enum: STATUSES, description: 'Whose turn it is, or how it ended.' },
    result: { oneOf: [{ type: 'null' }, restSchema(partOf(status, 'result'))], description: 'null until it is finished.' },
    phase: { type: 'string', enum: Object.keys(REST_STATUSES) },
    reason: { ...maybeText, description: 'Why it is where it is, as a stable word.' },
    message: { ...maybeText, description: 'Why it is where it is, as a sentence.' },
    goal: text,
    repo_url: text,
    ref: maybeText,
    mode: { type: 'string', enum: ['auto', 'review'] },
    author: maybeText,
    iteration: count,
    steps: { ...count, description: 'Model calls so far.' },
    usage,
    created_at: maybeText,
    started_at: maybeText,
    finished_at: maybeText,
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
    limits: restSchema(partOf(spec, 'limits')),
    suspended: { type: 'boolean' },
    conditions: restSchema(partOf(status, 'conditions')),
  };
  const done: Json = { id: text, status: { type: 'string', enum: STATUSES }, message: text };
  const doneKeys = ['id', 'status', 'message'];
  return {
    SessionRequest: object(requestProperties(), ['goal', 'repo_url'], { additionalProperties: false }),
    Session: object({ ...summary, ...detail }, [...Object.keys(summary), ...Object.keys(detail)]),
    SessionSummary: object(summary, Object.keys(summary)),
    SessionList: object({ items: { type: 'array', items: ref('SessionSummary') }, continue: maybeText }, ['items', 'continue']),
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

function requestProperties(): Json {
  return Object.fromEntries(
    Object.entries(REQUEST_FIELDS).map(([field, path]) => {
      if (field !== 'inputs') return [field, restSchema(requestSchema(path))];
      return [field, restSchema({ ...requestSchema(path), items: inputRequest() })];
    }),
  );
}

/** The id of a message is made when it is left out. */
function inputRequest() {
  return { ...inputSchema(), required: ['message'] };
}

function limitsRequest(): Json {
  const schema = restSchema(partOf(sessionSchema().spec, 'limits'));
  const properties = Object.entries(schema.properties ?? {}).map(([name, one]: [string, Json]) => {
    const { default: _, ...rest } = one;
    return [name, { ...rest, type: [rest.type, 'null'] }];
  });
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

function parameters(): Json {
  const text = { type: 'string' };
  const number = (maximum: number, minimum: number) => ({ type: 'integer', minimum, maximum });
  return {
    id: {
      name: 'id',
      in: 'path',
      required: true,
      schema: { ...text, maxLength: 253 },
      description: 'The id that starting it answered with.',
    },
    blob: { name: 'ref', in: 'path', required: true, schema: { ...text, pattern: '^sha256-[0-9a-f]{64}$' } },
    status: { name: 'status', in: 'query', schema: { ...text, enum: STATUSES } },
    limit: { name: 'limit', in: 'query', schema: { ...number(500, 1), default: 100 } },
    continue: { name: 'continue', in: 'query', schema: text, description: 'What the page before said.' },
    after: {
      name: 'after',
      in: 'query',
      schema: number(Number.MAX_SAFE_INTEGER, 0),
      description: 'Sequence number of the last event that is known.',
    },
    lastEventId: {
      name: 'Last-Event-ID',
      in: 'header',
      schema: text,
      description: 'As after; browsers send it when they reconnect.',
    },
    idempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      schema: { ...text, maxLength: 63 },
      description: 'The same key is the same request: it may be sent again.',
    },
  };
}

function securitySchemes(): Json {
  return {
    bearer: { type: 'http', scheme: 'bearer', description: 'API_TOKEN, where API_AUTH is token.' },
    cookie: { type: 'apiKey', in: 'cookie', name: 'swe_agent_session', description: 'Set by POST /login.' },
  };
}

function problems(): Json {
  return { default: { description: 'What is wrong.', content: { 'application/problem+json': { schema: ref('Problem') } } } };
}

function object(properties: Json, required: string[], more: Json = {}): Json {
  return { type: 'object', properties, required, ...more };
}

function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function parameter(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

function answer(description: string, schema: Json): Json {
  return { description, content: json(schema) };
}

function content(description: string, type: string): Json {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}
