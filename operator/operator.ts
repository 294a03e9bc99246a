/** The operator, put together: caches, controllers and engine over the ports it is given. The same on one machine and in a cluster. */
import { type AgentSession, RESOURCES, type Secret } from './api/resources.ts';
import { sleep } from './clock.ts';
import { Caches } from './controller/caches.ts';
import { Controllers } from './controller/controllers.ts';
import { ProfileModels } from './controller/model-directory.ts';
import { ModelFindings } from './controller/model-findings.ts';
import { fallbackNotes } from './controller/profile-fallback.ts';
import { ProfileProbes } from './controller/profile-probes.ts';
import type { EngineDeps } from './engine/ports.ts';
import { SessionRunner } from './engine/runner.ts';
import type { KubeClient } from './kube/client.ts';
import { KubeError } from './kube/client.ts';
import { EventRecorder } from './kube/events.ts';
import { ModelProviders } from './llm/profiles.ts';
import { describeError } from './logger.ts';
import type { OperatorMetrics } from './metrics/operator-metrics.ts';
import { credentialFromSecret } from './sandbox/git/credentials.ts';
import { type GitCredential, GitError } from './sandbox/git/git.ts';
import type { SandboxTransport } from './sandbox/transport.ts';
import { logTurns } from './session-log.ts';
import { OrphanSweep } from './sweep.ts';

export type OperatorOptions = Omit<EngineDeps, 'models' | 'credential' | 'observer'> & {
  client: KubeClient;
  /** The namespaces to serve; all when left out. */
  namespaces?: readonly string[];
  /** Sessions that may run at the same time. */
  maxRunning: number;
  /** The credential for sessions that name none of their own. */
  defaultCredential: GitCredential | undefined;
  countersIntervalMs?: number;
  /** Transports whose sandboxes outlive a session's object when nobody was there to remove them: looked through now and then. */
  swept?: readonly SandboxTransport[];
  /** Values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, for model calls. */
  proxy?: Record<string, string | undefined>;
  metrics?: OperatorMetrics;
  /** Between tries of a model that nobody changes, in ms; Infinity: only when its profile changes. */
  probeIntervalMs: number;
};

/** Models are tried this long after the start, unless `warm` was called before: what is up and ready comes first. */
const PROBES_AFTER_MS = 2_000;

export class Operator {
  readonly runner: SessionRunner;
  readonly controllers: Controllers;
  readonly caches: Caches;
  readonly #options: OperatorOptions;
  readonly #providers: ModelProviders;
  readonly #models: ProfileModels;
  readonly #probes: ProfileProbes;
  readonly #events: EventRecorder;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #sweeps: Promise<void>[] = [];

  constructor(options: OperatorOptions) {
    const { client, logger, namespaces, holder, maxRunning, countersIntervalMs, proxy, metrics } = options;
    this.#options = options;
    this.#providers = new ModelProviders(proxy && { proxyEnv: proxy });
    this.caches = new Caches({ client, logger, ...(namespaces === undefined ? {} : { namespaces }) });
    this.#events = new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: holder, logger });
    const findings = new ModelFindings(options.now);
    const models = new ProfileModels(this.caches, this.#providers, findings, metrics?.models);
    this.#models = models;
    this.#probes = new ProfileProbes({
      tryModel: (profile, signal) => models.probe(profile, signal),
      intervalMs: options.probeIntervalMs,
      now: options.now,
      logger,
    });
    this.runner = new SessionRunner({
      ...options,
      ...(metrics && measured(options, metrics)),
      models,
      credential: (session, signal) => this.#credential(session, signal),
      observer: {
        stored: (session, events, before, after) => {
          logTurns(logger, session, events);
          for (const note of fallbackNotes(events, before)) this.#events.record(session, note);
          metrics?.sessions.stored(session, events, before, after);
        },
      },
    });
    this.controllers = new Controllers({
      client,
      caches: this.caches,
      tasks: this.runner,
      events: this.#events,
      findings,
      probes: this.#probes,
      logger,
      maxRunning,
      ...(options.releaseAfter && {
        release: { times: options.releaseAfter, defaultSandboxType: options.defaultSandboxType },
      }),
      ...(countersIntervalMs === undefined ? {} : { countersIntervalMs }),
      ...(metrics && { meter: (controller, depth) => metrics.queues.queue(controller, depth) }),
    });
    metrics?.watch(() => ({
      working: this.runner.running,
      slots: this.controllers.load.slots,
      sessions: this.caches.sessions.state.synced ? this.caches.sessions.list() : undefined,
    }));
  }

  /** Resolves once the caches are filled and reconciling has begun. */
  async start(): Promise<void> {
    this.#running = this.caches.run(this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.logger.error('the caches stopped', { error: describeError(error) });
    });
    await this.controllers.start();
    sleep(PROBES_AFTER_MS, this.#stop.signal).then(
      () => this.#probes.open(),
      () => undefined,
    );
    const { client, logger, swept = [] } = this.#options;
    for (const transport of swept) {
      const sweep = new OrphanSweep({ client, transport, sessions: this.caches.sessions, logger });
      this.#sweeps.push(sweep.run(this.#stop.signal));
    }
  }

  /** Whether the copies of all objects are there, so that sessions are worked on; what keeps them from it otherwise. */
  get readiness(): { ready: boolean; reason: string | undefined } {
    const states = [this.caches.sessions.state, this.caches.profiles.state, this.caches.secrets.state];
    const failing = states.find(({ lastError }) => lastError !== undefined)?.lastError;
    return { ready: states.every(({ synced }) => synced), reason: failing };
  }

  /** Loads what the models in use need for their next call, and lets models be tried; worth doing once everything is up. */
  async warm(): Promise<void> {
    this.#probes.open();
    await this.#models.warm();
  }

  /**
   * Gives every session back, within `graceMs`. Commands on this machine are ended and recorded as interrupted; those in
   * sandboxes elsewhere go on, and whoever takes the session up attaches to them.
   */
  async stop(graceMs: number): Promise<void> {
    const signal = AbortSignal.timeout(graceMs);
    const { logger } = this.#options;
    try {
      await this.runner.close(signal);
    } catch (error) {
      logger.warn('not every session stopped in time; they are taken up again at the next start', {
        error: describeError(error),
      });
    }
    await this.controllers.stop(Math.min(500, graceMs));
    await this.#probes.stop();
    await this.#events.stop(AbortSignal.timeout(300));
    this.#stop.abort(new Error('the operator stops'));
    await Promise.all([this.#running, ...this.#sweeps]);
    this.#providers.close();
  }

  async #credential(session: AgentSession, signal: AbortSignal): Promise<GitCredential | undefined> {
    const ref = session.spec.repository.credentialsSecretRef;
    if (!ref) return this.#options.defaultCredential;
    try {
      const secret = await this.#options.client.get<Secret>(RESOURCES.secrets, session.metadata.namespace, ref.name, signal);
      return credentialFromSecret(secret);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const missing = error.reason === 'NotFound';
      const message = missing
        ? `Secret ${ref.name} (spec.repository.credentialsSecretRef) does not exist in namespace ${session.metadata.namespace}.`
        : `Secret ${ref.name} cannot be read: ${error.message}`;
      throw new GitError('AuthenticationFailed', message, { transient: !missing, cause: error });
    }
  }
}

/** Log and sandboxes as the engine gets them. */
function measured(
  { log, transport }: Pick<OperatorOptions, 'log' | 'transport'>,
  metrics: OperatorMetrics,
): Pick<OperatorOptions, 'log' | 'transport'> {
  const known = new Map<SandboxTransport, SandboxTransport>();
  return {
    log: metrics.log(log),
    transport: (type) => {
      const bare = transport(type);
      if (!bare) return undefined;
      const found = known.get(bare) ?? metrics.sandboxes(bare);
      known.set(bare, found);
      return found;
    },
  };
}
