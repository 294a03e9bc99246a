/** Session objects as the doors use them: look up by id, create, and change under the version that was looked at. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentSession, RESOURCES } from '../operator/api/resources.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import { type KubeClient, KubeError } from '../operator/kube/client.ts';
import { Problem } from './http/problem.ts';

/** How often a change is tried again when somebody else was faster: the operator writes status while users act. */
const MAX_TRIES = 10;

export class Sessions {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly #noun: Noun;

  /** @param noun what they are called at the door that asks */
  constructor(kube: KubeClient, namespace: string, noun: Noun) {
    this.kube = kube;
    this.namespace = namespace;
    this.#noun = noun;
  }

  /** The same with the rights of somebody else. */
  as(kube: KubeClient): Sessions {
    return kube === this.kube ? this : new Sessions(kube, this.namespace, this.#noun);
  }

  /** @throws Problem 400 for an id that can be none, 404 when there is no such session */
  async get(id: string, signal: AbortSignal): Promise<AgentSession> {
    checkId(id);
    try {
      return await this.kube.get<AgentSession>(RESOURCES.sessions, this.namespace, id, signal);
    } catch (error) {
      throw this.#notFound(error, id);
    }
  }

  /**
   * Changes a session by what `decide` makes of its newest state: a merge patch of spec, or nothing to change. Asked again
   * when the session changed in between.
   * @throws Problem, also what `decide` throws
   */
  async change<T>(
    id: string,
    decide: (session: AgentSession) => Promise<{ spec?: object; answer: T }> | { spec?: object; answer: T },
    signal: AbortSignal,
  ): Promise<{ session: AgentSession; answer: T }> {
    for (let tries = 1; ; tries++) {
      const session = await this.get(id, signal);
      const { spec, answer } = await decide(session);
      if (!spec) return { session, answer };
      const { resourceVersion } = session.metadata;
      try {
        const patch = { metadata: { resourceVersion }, spec };
        const changed = await this.kube.mergePatch<AgentSession>(
          RESOURCES.sessions,
          this.namespace,
          id,
          patch,
          undefined,
          signal,
        );
        return { session: changed, answer };
      } catch (error) {
        const conflict = error instanceof KubeError && error.code === 409;
        if (!conflict || tries === MAX_TRIES) throw this.#notFound(error, id);
        await sleep(Math.random() * 5 * tries, undefined, { signal });
      }
    }
  }

  async delete(id: string, signal: AbortSignal): Promise<void> {
    checkId(id);
    try {
      await this.kube.delete(RESOURCES.sessions, this.namespace, id, {}, signal);
    } catch (error) {
      throw this.#notFound(error, id);
    }
  }

  #notFound(error: unknown, id: string): unknown {
    if (!(error instanceof KubeError) || error.code !== 404) return error;
    const detail = `There is no ${this.#noun} ${id}. GET /agent/${this.#noun}s lists those there are.`;
    return new Problem(404, 'no-such-session', detail, { cause: error });
  }
}

/** An id is the name of an object. */
function checkId(id: string): void {
  if (id.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(id)) return;
  const detail = 'An id has at most 253 lower-case letters, digits, "-" and ".", such as 550e8400-e29b-41d4-a716-446655440000.';
  throw new Problem(400, 'malformed-id', detail);
}
