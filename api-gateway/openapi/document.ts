/** The OpenAPI 3.1 document. What the schema of AgentSession says is taken from there; only what REST adds is written here. */

import { restSchema } from '../schema/rest-names.ts';
import { inputSchema } from '../session-request.ts';
import { meSchema } from './me.ts';
import { parameters, securitySchemes } from './parameters.ts';
import { answer, answerOrStream, content, type Json, json, object, parameter, problems, ref } from './parts.ts';
import { profilePaths, profileSchemas } from './profiles.ts';
import { limitsRequest } from './requests.ts';
import { schemas } from './schemas.ts';

let built: Json | undefined;

/** The document; built once. */
export function openApi(): Json {
  built ??= {
    openapi: '3.1.0',
    info: {
      title: 'SWE Agent',
      version: 'v1alpha1',
      description:
        'Hand over a goal and a git repository; get a reviewed branch with evidence. Every session is an AgentSession object and every profile an AIProfile of the Kubernetes API group sweagent.dev: what can be done here can be done with kubectl. The endpoints below /agent/tasks are the same under another name.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{}, { bearer: [] }, { cookie: [] }],
    tags: [
      { name: 'sessions', description: 'Pieces of work.' },
      { name: 'tasks', description: 'The same pieces of work under the name that the tasks guide uses.' },
      { name: 'profiles', description: 'AI profiles: a model, where it is served, and the key for it.' },
      { name: 'server', description: 'The server itself.' },
    ],
    paths: { ...familyPaths('session'), ...familyPaths('task'), ...profilePaths(), ...serverPaths() },
    components: {
      schemas: { ...schemas(), ...profileSchemas(), Me: meSchema() },
      securitySchemes: securitySchemes(),
      parameters: parameters(),
    },
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
        parameters: [parameter('idempotencyKey'), parameter('traceparent')],
        body: ref('SessionRequest'),
        answers: {
          201: answer('Created; Location names it.', created),
          200: answer('Created before, with the same Idempotency-Key.', created),
        },
      }),
      get: operation('List', `Lists ${noun}s, newest first within a page.`, {
        parameters: [...['status', 'limit', 'continue', 'watch', 'lastEventId'].map(parameter)],
        answers: {
          200: answerOrStream(
            `A page of ${noun}s. With watch=true server-sent events in its place: session (a SessionSummary) for each, synced, then a session for each change and session.deleted ({"id"}). list.reset: the reader begins anew.`,
            ref('SessionList'),
          ),
        },
      }),
    },
    [`${base}/{id}`]: {
      get: operation('Get', `Shows a ${noun}: where it is, its log, and its result.`, {
        parameters: [parameter('logs')],
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
        body: restSchema(inputSchema()),
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
        parameters: ['after', 'lastEventId', 'format', 'limitOfEvents'].map(parameter),
        answers: {
          200: answerOrStream(
            'Events. id is the sequence number, event the type, data the event as it is stored. log.reset: the reader knew more than the log; it starts over. session.deleted: the last one. With format=json what is stored, in one answer.',
            ref('EventHistory'),
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
    '/agent/me': {
      get: {
        operationId: 'me',
        tags: ['server'],
        summary: 'Who calls, what they may do, and what there is.',
        responses: { 200: answer('The caller.', ref('Me')), ...problems() },
      },
    },
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
