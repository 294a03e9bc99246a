/** The two controllers over the embedded API, with an engine whose sessions go on as a test says. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { type EmbeddedApi, startEmbeddedApi } from '../../local/api/server.ts';
import {
  type AgentSession,
  type AIProfile,
  API_VERSION,
  type Condition,
  HOSTS_ANNOTATION,
  type KubeObject,
  RESOURCES,
  type Secret,
} from '../../operator/api/resources.ts';
import type { AgentSessionSpec, AIProfileSpec } from '../../operator/api/types.gen.ts';
import type { Clock } from '../../operator/clock.ts';
import { Caches } from '../../operator/controller/caches.ts';
import { Controllers, type ControllersOptions } from '../../operator/controller/controllers.ts';
import { ModelFindings } from '../../operator/controller/model-findings.ts';
import { KubeError } from '../../operator/kube/client.ts';
import { EventRecorder } from '../../operator/kube/events.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import { eventually, PATIENCE_MS, patience } from './eventually.ts';
import { KeepingLogger } from './keeping-logger.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedTasks } from './scripted-tasks.ts';
import type { SessionScript } from './session-script.ts';

/** A minute passes in 0.3 s. */
const FAST = 200;
const [began, since] = [Date.now(), performance.now()];
export const fastClock: Clock = {
  now: () => began + Math.floor((performance.now() - since) * FAST),
  after(ms, fn) {
    const timer = setTimeout(fn, ms / FAST);
    return () => clearTimeout(timer);
  },
};

/**
 * A clock that a test lets jump. By itself it only creeps, so that what failed is tried again: a fifth of the time that
 * really passes, and so never a retry's or a counter's interval.
 */
export function creepingClock(from = Date.now()): ManualClock & Disposable {
  const clock = new ManualClock(from);
  const timer = setInterval(() => void clock.advance(1), 5);
  return Object.assign(clock, { [Symbol.dispose]: () => clearInterval(timer) });
}

export type TestOperator = {
  tasks: ScriptedTasks;
  controllers: Controllers;
  logger: KeepingLogger;
  stop(): Promise<void>;
};

export type TestOperatorOptions = Partial<ControllersOptions> & {
  /** What the engines of several operators share. */
  logs?: Map<string, SessionScript>;
  prepare?: (tasks: ScriptedTasks) => void;
};

/** One API for the tests of a file, and a namespace for each of them. To be called where a suite begins. */
export class ControllersSuite {
  #api: EmbeddedApi | undefined;
  #client: HttpKubeClient | undefined;
  #count = 0;
  readonly #operators: TestOperator[] = [];
  readonly #closing = new AbortController();

  constructor() {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'controllers-'));
      const crds = ['agentsession', 'aiprofile'].map((name) => join(import.meta.dirname, '../../crds', `${name}.yaml`));
      const api = await startEmbeddedApi({
        stateDir: join(folder, 'state'),
        kubeconfigPath: join(folder, 'kubeconfig'),
        crds,
        user: 'ada',
      });
      this.#api = api;
      this.#client = new HttpKubeClient({
        baseUrl: api.url,
        ca: api.caPem,
        headers: async () => ({ authorization: `Bearer ${api.token}` }),
        signal: this.#closing.signal,
      });
    });
    afterAll(async () => {
      this.#closing.abort();
      await this.#api?.close();
      await rm(folder, { recursive: true });
    });
    beforeEach(async () => {
      this.#count++;
      const metadata = { name: this.namespace };
      await this.client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
    });
    afterEach(async () => {
      for (const operator of this.#operators.splice(0)) await operator.stop();
    });
  }

  get client(): HttpKubeClient {
    if (!this.#client) throw new Error('the API is started before the first test');
    return this.#client;
  }

  /** Of the test that runs. */
  get namespace(): string {
    return `ns${this.#count}`;
  }

  /** Ends with the test. */
  readonly startOperator = async (options: TestOperatorOptions = {}): Promise<TestOperator> => {
    const { logs, prepare, ...rest } = options;
    const { client, namespace } = this;
    const stop = new AbortController();
    const logger = new KeepingLogger();
    const caches = new Caches({ client, namespaces: [namespace], logger });
    const running = caches.run(stop.signal);
    const tasks = new ScriptedTasks(logs);
    prepare?.(tasks);
    const events = new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: 'test', logger });
    const controllers = new Controllers({
      client,
      caches,
      tasks,
      events,
      findings: new ModelFindings(Date.now),
      logger,
      maxRunning: 10,
      countersIntervalMs: 60_000,
      ...rest,
    });
    await controllers.start();
    const operator = {
      tasks,
      controllers,
      logger,
      async stop() {
        await controllers.stop(PATIENCE_MS);
        await events.stop(patience());
        stop.abort();
        await running;
      },
    };
    this.#operators.push(operator);
    return operator;
  };

  /** @returns its UID */
  readonly createSession = async (name: string, spec: Partial<AgentSessionSpec> = {}): Promise<string> => {
    const session = await this.client.create<AgentSession>(RESOURCES.sessions, {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name, namespace: this.namespace },
      spec: { goal: 'Mend the sum', repository: { url: 'https://github.com/acme/sum.git' }, ...spec },
    });
    return session.metadata.uid ?? '';
  };

  readonly createProfile = async (name: string, spec: Partial<AIProfileSpec> = {}): Promise<void> => {
    const profile = {
      provider: 'openai-compatible' as const,
      model: 'm',
      baseUrl: 'http://127.0.0.1:1/v1',
      default: true,
      ...spec,
    };
    await this.client.create<AIProfile>(RESOURCES.profiles, {
      apiVersion: API_VERSION,
      kind: 'AIProfile',
      metadata: { name, namespace: this.namespace },
      spec: profile,
    });
  };

  readonly createSecret = async (name: string, labels: Record<string, string>): Promise<void> => {
    const annotations = { [HOSTS_ANNOTATION]: '127.0.0.1' };
    await this.client.create<Secret>(RESOURCES.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: this.namespace, labels, annotations },
      data: { apiKey: Buffer.from('sk-test').toString('base64') },
    });
  };

  readonly get = (name: string): Promise<AgentSession> => this.client.get<AgentSession>(RESOURCES.sessions, this.namespace, name);

  readonly patch = (name: string, spec: Partial<AgentSessionSpec>): Promise<AgentSession> =>
    this.client.mergePatch<AgentSession>(RESOURCES.sessions, this.namespace, name, { spec });

  readonly remove = (name: string): Promise<unknown> => this.client.delete(RESOURCES.sessions, this.namespace, name);

  readonly inPhase = (name: string, phase: string): Promise<AgentSession> =>
    eventually(`${name} in ${phase}`, async () => {
      const session = await this.get(name);
      return session.status?.phase === phase ? session : undefined;
    });

  readonly isGone = (name: string): Promise<boolean> =>
    eventually(`${name} to be gone`, () =>
      this.get(name).then(
        () => false,
        (error: unknown) => error instanceof KubeError && error.code === 404,
      ),
    );

  /** Reasons of the Kubernetes Events about an object, oldest first. */
  readonly saidOf = async (name: string): Promise<string[]> => {
    type Said = KubeObject & { reason: string; eventTime: string; regarding: { name: string } };
    const { items } = await this.client.list<Said>(RESOURCES.events, { namespace: this.namespace });
    return items
      .filter(({ regarding }) => regarding.name === name)
      .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
      .map(({ reason }) => reason);
  };
}

export function conditionOf(object: AgentSession | AIProfile, type: string): Condition | undefined {
  return object.status?.conditions?.find((one) => one.type === type);
}

/** Waits until a session is to be looked at again later, and nothing is at work now. */
export function planned(controllers: Controllers): Promise<boolean> {
  return eventually('a look at a later time to be planned', () => {
    const { ready, processing, delayed } = controllers.load.queue;
    return ready + processing === 0 && delayed > 0;
  });
}
