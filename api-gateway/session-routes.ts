/** The routes of one family, /agent/sessions or /agent/tasks: the same objects under two names. */
import { createHash, randomUUID } from 'node:crypto';
import type { Request } from 'express';
import { type AgentSession, RESOURCES } from '../operator/api/resources.ts';
import type { BlobStore } from '../operator/engine/blob.ts';
import type { EventLog } from '../operator/engine/log.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import { KubeError } from '../operator/kube/client.ts';
import type { Logger } from '../operator/logger.ts';
import { sessionFields } from '../operator/session-log.ts';
import { TRACE_ANNOTATION, traceIdOf } from '../operator/trace.ts';
import { addInput, approvalOf, approve, cancel, changeLimits, type Decision, inputOf, resume, suspend } from './actions.ts';
import { bodyOf, only } from './http/body.ts';
import { type Caller, lease } from './http/caller.ts';
import type { OpenStreams } from './http/open-streams.ts';
import { type FieldError, invalid, Problem } from './http/problem.ts';
import { param, type RouteTable } from './http/routes.ts';
import { listSessions } from './listing.ts';
import { wantsWatch } from './live/send-list.ts';
import type { Picture, Pictures } from './picture.ts';
import { streamEvents } from './session-events.ts';
import { sendHistory, wantsHistory } from './session-history.ts';
import type { SessionLists } from './session-list.ts';
import { sessionOf } from './session-request.ts';
import { sendBlob, sendBundle, sendDiff } from './session-results.ts';
import { planOf, viewOf } from './session-view.ts';
import type { Sessions } from './sessions.ts';

export type SessionDoor = {
  sessions: Sessions;
  pictures: Pictures;
  lists: SessionLists;
  streams: OpenStreams;
  log: EventLog;
  blobs: BlobStore;
  /** Who sent a request, and with which rights. */
  callerOf: (request: Request) => Caller;
  namespace: string;
  now: () => number;
  logger: Logger;
  allowLocalRepositories: boolean;
  /** Aborts when the gateway closes. */
  closing: AbortSignal;
};

export function sessionRoutes(noun: Noun, door: SessionDoor): RouteTable {
  const { pictures, log, blobs } = door;
  const base = `/agent/${noun}s`;

  /** The sessions with the rights of whoever sent the request. */
  function sessionsOf(request: Request): Sessions {
    return door.sessions.as(door.callerOf(request).kube);
  }

  async function picture(request: Request, signal: AbortSignal): Promise<Picture> {
    return pictures.of(await sessionsOf(request).get(param(request, 'id'), signal));
  }

  /** The session, for those who may see it and read its log. */
  async function readable(request: Request, signal: AbortSignal): Promise<AgentSession> {
    const id = param(request, 'id');
    const session = await sessionsOf(request).get(id, signal);
    await door.callerOf(request).demand({ session: id }, signal);
    return session;
  }

  /** Decides on the newest picture, writes, and answers with what was decided and where the session is now. */
  async function act<T extends object>(
    request: Request,
    signal: AbortSignal,
    decide: (picture: Picture) => Decision<T>,
  ): Promise<{ id: string; status: string } & T> {
    const id = param(request, 'id');
    const { session, answer } = await sessionsOf(request).change(id, async (found) => decide(await pictures.of(found)), signal);
    return { id, status: (await pictures.of(session)).status, ...answer };
  }

  return {
    [base]: {
      async post(request, response, signal) {
        const { session, created } = await create(request, noun, door, signal);
        const { name } = session.metadata;
        response
          .status(created ? 201 : 200)
          .location(`${base}/${name}`)
          .json({ [`${noun}_id`]: name });
      },
      async get(request, response, signal) {
        const errors: FieldError[] = [];
        const watch = wantsWatch(request, errors);
        if (errors.length > 0) throw invalid(errors);
        if (!watch) {
          response.json(await listSessions(sessionsOf(request), request, noun, signal));
          return;
        }
        const caller = door.callerOf(request);
        door.streams.open(caller, response);
        await door.lists.send(caller, noun, request, response, signal);
      },
    },
    [`${base}/:id`]: {
      async get(request, response, signal) {
        const lines = linesOf(request);
        response.json(viewOf(await pictures.of(await readable(request, signal)), noun, lines));
      },
      async delete(request, response, signal) {
        await sessionsOf(request).delete(param(request, 'id'), signal);
        response.status(204).end();
      },
    },
    [`${base}/:id/approve`]: {
      async post(request, response, signal) {
        const revision = approvalOf(bodyOf(request));
        response.json(await act(request, signal, (at) => approve(at, revision)));
      },
    },
    [`${base}/:id/input`]: {
      async post(request, response, signal) {
        const { author } = door.callerOf(request);
        const given = { key: idempotencyKey(request), author, now: door.now(), newId: randomUUID };
        const input = inputOf(bodyOf(request), given);
        response.status(202).json(await act(request, signal, (at) => addInput(at, input)));
      },
    },
    [`${base}/:id/cancel`]: {
      async post(request, response, signal) {
        only(bodyOf(request), []);
        response.json(await act(request, signal, cancel));
      },
    },
    [`${base}/:id/suspend`]: {
      async post(request, response, signal) {
        only(bodyOf(request), []);
        response.json(await act(request, signal, suspend));
      },
    },
    [`${base}/:id/resume`]: {
      async post(request, response, signal) {
        only(bodyOf(request), []);
        response.json(await act(request, signal, resume));
      },
    },
    [`${base}/:id/limits`]: {
      async patch(request, response, signal) {
        const body = bodyOf(request);
        response.json(await act(request, signal, (at) => changeLimits(at, body)));
      },
    },
    [`${base}/:id/plan`]: {
      async get(request, response, signal) {
        const plan = planOf(await picture(request, signal));
        if (!plan) throw new Problem(404, 'not-there-yet', 'The session has no plan yet.');
        response.json(plan);
      },
    },
    [`${base}/:id/diff`]: {
      async get(request, response, signal) {
        await sendDiff(blobs, await pictures.of(await readable(request, signal)), response, signal);
      },
    },
    [`${base}/:id/bundle`]: {
      async get(request, response, signal) {
        await sendBundle(blobs, await pictures.of(await readable(request, signal)), response, signal);
      },
    },
    [`${base}/:id/blobs/:ref`]: {
      async get(request, response, signal) {
        const { metadata } = await readable(request, signal);
        await sendBlob(blobs, metadata.uid ?? '', param(request, 'ref'), response, signal);
      },
    },
    [`${base}/:id/events`]: {
      async get(request, response, signal) {
        const history = wantsHistory(request);
        const { metadata } = await readable(request, signal);
        if (history) {
          await sendHistory(log, metadata.uid ?? '', request, response, door.closing);
          return;
        }
        const caller = door.callerOf(request);
        door.streams.open(caller, response);
        using allowed = lease(caller, { session: metadata.name }, door.closing);
        await streamEvents(log, metadata.uid ?? '', request, response, allowed.signal);
      },
    },
  };
}

/** Creates the object and nothing else: what the repository is like is found out later, by the operator. */
async function create(
  request: Request,
  noun: Noun,
  door: SessionDoor,
  signal: AbortSignal,
): Promise<{ session: AgentSession; created: boolean }> {
  const key = idempotencyKey(request);
  const { author, kube } = door.callerOf(request);
  const sessions = door.sessions.as(kube);
  const name = key === undefined ? randomUUID() : uuidOf(`${door.namespace}\n${author}\n${key}`);
  const wanted = sessionOf(bodyOf(request), { ...door, name, author, door: `${noun}s`, now: door.now(), newId: randomUUID });
  const traceparent = request.get('traceparent');
  // What is no traceparent is none, says W3C Trace Context: it must not fail a request.
  if (traceparent !== undefined && traceIdOf(traceparent) !== undefined)
    wanted.metadata.annotations = { [TRACE_ANNOTATION]: traceparent };
  try {
    const session = await kube.create<AgentSession>(RESOURCES.sessions, wanted, signal);
    door.logger.info('session requested', { ...sessionFields(session.metadata), author });
    return { session, created: true };
  } catch (error) {
    if (key === undefined || !(error instanceof KubeError) || error.reason !== 'AlreadyExists') throw error;
    const session = await sessions.get(name, signal);
    const same = session.spec.goal === wanted.spec.goal && session.spec.repository.url === wanted.spec.repository.url;
    if (same) return { session, created: false };
    throw new Problem(409, 'id-in-use', 'Another request was sent with this Idempotency-Key. Use a new key for a new request.');
  }
}

/** How many lines of the log are wanted: all of a long one are megabytes. */
function linesOf(request: Request): number | undefined {
  const { logs } = request.query;
  if (logs === undefined) return undefined;
  if (typeof logs === 'string' && /^\d{1,9}$/.test(logs)) return Number(logs);
  throw invalid([{ field: 'logs', message: 'must be the number of lines that are wanted at most, 0 for none' }]);
}

/** The caller's own name for a request, under which it may be sent again. */
function idempotencyKey(request: Request): string | undefined {
  const key = request.get('idempotency-key');
  if (key === undefined || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(key)) return key;
  const message = 'must have 1 to 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends';
  throw invalid([{ field: 'Idempotency-Key', message }]);
}

/** A UUID (version 8) that is always the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
