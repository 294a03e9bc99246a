/** The operator, put together: caches, controllers and engine over the ports it is given. The same on one machine and in a cluster. */
import { type AgentSession, RESOURCES, type Secret } from './api/resources.ts';
import { Caches } from './controller/caches.ts';
import { Controllers } from './controller/controllers.ts';
import { ProfileModels } from './controller/model-directory.ts';
import { ModelFindings } from './controller/model-findings.ts';
import type { EngineDeps } from './engine/ports.ts';
import { SessionRunner } from './engine/runner.ts';
import type { KubeClient } from './kube/client.ts';
import { KubeError } from './kube/client.ts';
import { EventRecorder } from './kube/events.ts';
import { ModelProviders } from './llm/profiles.ts';
import { describeError } from './logger.ts';
import { credentialFromSecret } from './sandbox/git/credentials.ts';
import { type GitCredential, GitError } from './sandbox/git/git.ts';

export type OperatorOptions = Omit<EngineDeps, 'models' | 'credential'> & {
  client: KubeClient;
  /** The only namespace to serve; all when empty. */
  namespace?: string;
  /** Sessions that may run at the same time. */
  maxRunning: number;
  /** The credential for sessions that name none of their own. */
  defaultCredential: GitCredential | undefined;
  countersIntervalMs?: number;
};

export class Operator {
  readonly runner: SessionRunner;
  readonly controllers: Controllers;
  readonly caches: Caches;
  readonly #options: OperatorOptions;
  readonly #providers = new ModelProviders();
  readonly #events: EventRecorder;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    const { client, logger, namespace, holder, maxRunning, countersIntervalMs } = options;
    this.#options = options;
    this.caches = new Caches({ client, logger, ...(namespace === undefined ? {} : { namespace }) });
    this.#events = new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: holder, logger });
    const findings = new ModelFindings(options.now);
    this.runner = new SessionRunner({
      ...options,
      models: new ProfileModels(this.caches, this.#providers, findings),
      credential: (session, signal) => this.#credential(session, signal),
    });
    this.controllers = new Controllers({
      client,
      caches: this.caches,
      tasks: this.runner,
      events: this.#events,
      findings,
      logger,
      maxRunning,
      ...(countersIntervalMs === undefined ? {} : { countersIntervalMs }),
    });
  }

  /** Resolves once the caches are filled and reconciling has begun. */
  async start(): Promise<void> {
    this.#running = this.caches.run(this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.logger.error('the caches stopped', { error: describeError(error) });
    });
    await this.controllers.start();
  }

  /** Loads what the first model call needs; worth doing once everything is up. */
  async warm(): Promise<void> {
    await this.#providers.warm();
  }

  /** Ends running commands, records them as interrupted and gives every session back, within `graceMs`. */
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
    await this.#events.stop(AbortSignal.timeout(300));
    this.#stop.abort(new Error('the operator stops'));
    await this.#running;
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
