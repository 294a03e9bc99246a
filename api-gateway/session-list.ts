/** Sessions as a live list: `?watch=true` in place of pages. */
import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { type AgentSession, RESOURCES } from '../operator/api/resources.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import type { KubeClient } from '../operator/kube/client.ts';
import type { Logger } from '../operator/logger.ts';
import { type Caller, lease, type Right } from './http/caller.ts';
import { invalid } from './http/problem.ts';
import { changesOf } from './live/changes.ts';
import { LiveList } from './live/live-list.ts';
import { directly, type Piece } from './live/pieces.ts';
import { sendList, tokenOf } from './live/send-list.ts';
import { DOOR_LABEL } from './session-request.ts';
import { itemOf } from './session-view.ts';

const TO_WATCH: Right = { verb: 'watch', resource: 'agentsessions' };

export class SessionLists {
  readonly #own: KubeClient;
  readonly #namespace: string;
  readonly #closing: AbortSignal;
  readonly #shared: LiveList<AgentSession>;

  /** @param own the rights of this process; readers that have no others share one watch */
  constructor(own: KubeClient, { namespace, logger, closing }: { namespace: string; logger: Logger; closing: AbortSignal }) {
    this.#own = own;
    this.#namespace = namespace;
    this.#closing = closing;
    this.#shared = new LiveList<AgentSession>({
      open: (signal) => changesOf({ client: own, resource: RESOURCES.sessions, namespace }, signal),
      text,
      logger,
      closing,
      epoch: () => randomUUID().slice(0, 8),
    });
  }

  /** @throws Problem for a request that cannot be answered, KubeError when sessions cannot be listed */
  async send(caller: Caller, noun: Noun, request: Request, response: Response, signal: AbortSignal): Promise<void> {
    const others = Object.keys(request.query).filter((name) => name !== 'watch');
    if (others.length > 0) {
      throw invalid(others.map((field) => ({ field, message: 'is not possible with watch=true, which tells of all sessions' })));
    }
    const token = tokenOf(request);
    await caller.demand({ right: TO_WATCH }, signal);
    using allowed = lease(caller, { right: TO_WATCH }, this.#closing);
    const read = (until: AbortSignal) => this.#read(caller, noun, token, until);
    await sendList('session', read, request, response, allowed.signal);
  }

  #read(caller: Caller, noun: Noun, token: string | undefined, signal: AbortSignal): AsyncIterable<Piece> {
    const shown = (labels: Readonly<Record<string, string>> = {}) => noun === 'session' || labels[DOOR_LABEL] === 'tasks';
    if (caller.kube === this.#own) return this.#shared.read(token, shown, signal);
    const of = { client: caller.kube, resource: RESOURCES.sessions, namespace: this.#namespace };
    return directly<AgentSession>(of, token, { text, shown: ({ metadata }) => shown(metadata.labels) }, signal);
  }
}

function text(session: AgentSession): string {
  return JSON.stringify(itemOf(session));
}
