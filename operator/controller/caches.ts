/** The operator's local copies of what it looks at: sessions, profiles and the Secrets that are marked as credentials. */
import { type AgentSession, type AIProfile, CREDENTIAL_LABEL, RESOURCES, type Secret } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { InformerSignal } from '../kube/informer.ts';
import { Informers } from '../kube/informers.ts';
import type { Logger } from '../logger.ts';

export type CachesOptions = {
  client: KubeClient;
  /** The namespaces to look at; all when left out. */
  namespaces?: readonly string[];
  logger: Logger;
  /** Hears what the informers do, for metrics. */
  onSignal?: (plural: string, signal: InformerSignal) => void;
};

export class Caches {
  readonly sessions: Informers<AgentSession>;
  readonly profiles: Informers<AIProfile>;
  /** Only Secrets with the credential label ever get here. */
  readonly secrets: Informers<Secret>;

  constructor({ client, namespaces, logger, onSignal }: CachesOptions) {
    const common = { client, logger };
    const signals = (plural: string) => (onSignal ? { onSignal: (signal: InformerSignal) => onSignal(plural, signal) } : {});
    this.sessions = new Informers({ ...common, resource: RESOURCES.sessions, ...signals('agentsessions') }, namespaces);
    this.profiles = new Informers({ ...common, resource: RESOURCES.profiles, ...signals('aiprofiles') }, namespaces);
    this.secrets = new Informers(
      { ...common, resource: RESOURCES.secrets, labelSelector: CREDENTIAL_LABEL, ...signals('secrets') },
      namespaces,
    );
  }

  /** Keeps the copies current until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.sessions.run(signal), this.profiles.run(signal), this.secrets.run(signal)]);
  }

  /** Resolves when all copies were filled once; rejects when `run` was stopped before. */
  async synced(): Promise<void> {
    await Promise.all([this.sessions.synced, this.profiles.synced, this.secrets.synced]);
  }
}
