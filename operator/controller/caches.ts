/** The operator's local copies of what it looks at: sessions, profiles and the Secrets that are marked as credentials. */
import { type AgentSession, type AIProfile, CREDENTIAL_LABEL, RESOURCES, type Secret } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { Informer, type InformerSignal } from '../kube/informer.ts';
import type { Logger } from '../logger.ts';

export type CachesOptions = {
  client: KubeClient;
  /** The only namespace to look at; all when empty. */
  namespace?: string;
  logger: Logger;
  /** Hears what the informers do, for metrics. */
  onSignal?: (plural: string, signal: InformerSignal) => void;
};

export class Caches {
  readonly sessions: Informer<AgentSession>;
  readonly profiles: Informer<AIProfile>;
  /** Only Secrets with the credential label ever get here. */
  readonly secrets: Informer<Secret>;

  constructor({ client, namespace, logger, onSignal }: CachesOptions) {
    const common = { client, logger, ...(namespace !== undefined && { namespace }) };
    const signals = (plural: string) => (onSignal ? { onSignal: (signal: InformerSignal) => onSignal(plural, signal) } : {});
    this.sessions = new Informer({ ...common, resource: RESOURCES.sessions, ...signals('agentsessions') });
    this.profiles = new Informer({ ...common, resource: RESOURCES.profiles, ...signals('aiprofiles') });
    this.secrets = new Informer({
      ...common,
      resource: RESOURCES.secrets,
      labelSelector: CREDENTIAL_LABEL,
      ...signals('secrets'),
    });
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
