/** What a section on a cluster is measured on: an installation in a namespace of its own, a scripted model and a Redis. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type AgentSession, API_VERSION, RESOURCES } from '../../operator/api/resources.ts';
import type { RedisEventLog } from '../../operator/engine/redis-log.ts';
import { clusterAccess } from '../../operator/kube/cluster-access.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import type { KubeEndpoint } from '../../operator/kube/http-transport.ts';
import type { TestCluster } from '../../test/cluster/find-cluster.ts';
import { Installation, type SystemProcess } from '../../test/cluster/installation.ts';
import { redisLog } from '../../test/support/redis-logs.ts';
import { plainRedis } from '../../test/support/redis-server.ts';
import { ScriptedModel } from '../scripted-model.ts';
import type { Report, SectionOptions } from '../section.ts';

export type ClusterSection = (cluster: TestCluster, options: SectionOptions) => Promise<Report>;

/** A Pod that is made on a busy machine. */
export const SESSION_MS = 120_000;
const GONE_MS = 60_000;
const POLL_MS = 50;
const ENDS: readonly string[] = ['Completed', 'Failed', 'Cancelled', 'Paused'];
const run = promisify(execFile);

export class Bed implements AsyncDisposable {
  readonly installation: Installation;
  readonly model: ScriptedModel;
  readonly client: HttpKubeClient;
  readonly endpoint: KubeEndpoint;
  /** The log as the operator has it. */
  readonly log: RedisEventLog;
  readonly #redisUrl: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<Bed, 'installation' | 'model' | 'client' | 'endpoint' | 'log'>,
    redisUrl: string,
    stack: AsyncDisposableStack,
  ) {
    this.installation = parts.installation;
    this.model = parts.model;
    this.client = parts.client;
    this.endpoint = parts.endpoint;
    this.log = parts.log;
    this.#redisUrl = redisUrl;
    this.#stack = stack;
  }

  static async open(cluster: TestCluster): Promise<Bed> {
    const stack = new AsyncDisposableStack();
    try {
      const stop = new AbortController();
      stack.defer(() => stop.abort(new Error('the measurement is over')));
      const endpoint = { ...(await clusterAccess({ kubeconfig: cluster.kubeconfig })), signal: stop.signal };
      const client = new HttpKubeClient(endpoint, { userAgent: 'swe-agent-bench' });
      const redis = stack.use(await plainRedis());
      const log = stack.adopt(await redisLog({ url: redis.url, prefix: 'swe-agent' }), (one) => one.close());
      const model = stack.use(await ScriptedModel.start());
      const installation = stack.use(await Installation.open(cluster));
      return new Bed({ installation, model, client, endpoint, log }, redis.url, stack);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  get namespace(): string {
    return this.installation.namespace;
  }

  /** What the operator has in its environment besides. */
  get environment(): Record<string, string> {
    return { OPENAI_API_KEY: 'none', OPENAI_BASE_URL: this.model.baseUrl, MODEL_NAME: 'scripted', REDIS_URL: this.#redisUrl };
  }

  /** Starts the operator as it is started in its Pod. @param changes to what it has in its environment */
  operator(changes: Record<string, string> = {}): Promise<SystemProcess> {
    return this.installation.operator('operator', { ...this.environment, ...changes });
  }

  /** Makes the object of a session. @returns its uid, and when that was answered, in ms since 1970 */
  async session(name: string, url: string, goal: string): Promise<{ uid: string; at: number }> {
    const made = await this.client.create<AgentSession>(
      RESOURCES.sessions,
      {
        apiVersion: API_VERSION,
        kind: 'AgentSession',
        metadata: { name, namespace: this.namespace },
        spec: { goal, repository: { url }, limits: { maxSteps: 10_000 } },
      },
      AbortSignal.timeout(SESSION_MS),
    );
    return { uid: made.metadata.uid ?? '', at: Date.now() };
  }

  /** @throws with its conditions when it ends in another way, or not in time */
  async completed(name: string, timeoutMs = SESSION_MS): Promise<AgentSession> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const session = await this.client.get<AgentSession>(RESOURCES.sessions, this.namespace, name, signal);
      const { phase = '', conditions } = session.status ?? {};
      if (phase === 'Completed') return session;
      if (ENDS.includes(phase)) throw new Error(`session ${name} is ${phase}\n${JSON.stringify(conditions, null, 2)}`);
      await sleep(POLL_MS);
    }
  }

  /** Deletes the session and waits until it and its Pod are gone. */
  async remove(name: string): Promise<void> {
    await this.installation.must('delete', 'agentsession', name, `--timeout=${GONE_MS / 1000}s`);
    await this.installation.must('wait', '--for=delete', `pod/${name}-sandbox`, `--timeout=${GONE_MS / 1000}s`);
  }

  /** Runs kubectl, as bare as it is. */
  async kubectl(...args: string[]): Promise<void> {
    const { folder, cluster } = this.installation;
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      KUBECONFIG: cluster.kubeconfig,
      KUBECACHEDIR: join(folder, 'kubectl/cache'),
    };
    await run('kubectl', args, { env, timeout: GONE_MS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
