/**
 * Profiles as they are shown, and as that changes. What is shown of one comes from several objects: the profile, its Secret
 * and the sessions that use it. All three kinds are watched, and a change of any is a reason to put the picture together anew;
 * whoever takes it tells the difference.
 */
import {
  type AgentSession,
  type AIProfile,
  API_VERSION,
  CREDENTIAL_LABEL,
  type KubeObject,
  RESOURCES,
  type Secret,
} from '../../operator/api/resources.ts';
import { sleep } from '../../operator/clock.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import { UNFINISHED } from '../listing.ts';
import { type Change, type ChangesOf, changesOf } from '../live/changes.ts';
import { profileViews } from './profile-view.ts';

/** A profile as lists show it, as JSON. */
export type ShownProfile = KubeObject & { text: string };

/** Between two pictures, in milliseconds: a probe changes a profile several times in a moment. */
const PAUSE_MS = 200;
/** How often it is tried again to see what could not be seen, in milliseconds: rights may be given. */
const HIDDEN_MS = 60_000;

/**
 * The whole list, again after each change.
 * @throws KubeError when profiles cannot be listed or watched, and the signal's reason
 */
export async function* profileChanges(
  of: { client: KubeClient; namespace: string },
  signal: AbortSignal,
): AsyncGenerator<Change<ShownProfile>, void> {
  const ended = new AbortController();
  const within = AbortSignal.any([signal, ended.signal]);
  const bell = new Bell();
  const profiles = new Watched<AIProfile>({ ...of, resource: RESOURCES.profiles }, bell, (profile) => profile);
  const secrets = new Watched({ ...of, resource: RESOURCES.secrets, labelSelector: CREDENTIAL_LABEL }, bell, withoutValues);
  const sessions = new Watched({ ...of, resource: RESOURCES.sessions, fieldSelector: UNFINISHED }, bell, whoNeedsWhat);
  const fail = (error: unknown) => bell.fail(error);
  try {
    profiles.run(within).catch(fail);
    // Who may see profiles need not see what stands around them.
    for (const around of [secrets, sessions]) around.runWhereAllowed(within).catch(fail);
    for (;;) {
      await bell.rung(signal);
      if (!profiles.known || !secrets.known || !sessions.known) continue;
      const views = profileViews(
        profiles.all(),
        secrets.hidden ? 'hidden' : new Map(secrets.all().map((secret) => [secret.metadata.name, secret])),
        sessions.all(),
      );
      const objects = views.map((view) => ({ ...SHOWN, metadata: { name: view.name }, text: JSON.stringify(view) }));
      yield { type: 'objects', objects };
      yield { type: 'synced', version: '' };
      await sleep(PAUSE_MS, signal);
    }
  } finally {
    ended.abort(new Error('nobody reads the profiles'));
  }
}

const SHOWN = { apiVersion: API_VERSION, kind: RESOURCES.profiles.kind };

/** The objects of a kind, kept as they are now, of each no more than is needed. */
class Watched<T extends KubeObject> {
  readonly #of: ChangesOf;
  readonly #bell: Bell;
  readonly #needed: (object: T) => T;
  #objects = new Map<string, T>();
  /** Whether what there is, or that it may not be seen, has been found out. */
  known = false;
  /** Whether it may not be seen. */
  hidden = false;

  constructor(of: ChangesOf, bell: Bell, needed: (object: T) => T) {
    this.#of = of;
    this.#bell = bell;
    this.#needed = needed;
  }

  /** By name. */
  all(): T[] {
    return [...this.#objects.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  async run(signal: AbortSignal): Promise<void> {
    let listed = new Map<string, T>();
    for await (const change of changesOf<T>(this.#of, signal)) {
      switch (change.type) {
        case 'reset':
          listed = new Map();
          break;
        case 'objects':
          for (const object of change.objects) listed.set(object.metadata.name, this.#needed(object));
          break;
        case 'synced':
          this.#objects = listed;
          listed = new Map();
          this.hidden = false;
          this.#tell();
          break;
        case 'changed':
          this.#change(this.#needed(change.object));
          break;
        case 'deleted':
          this.#objects.delete(change.object.metadata.name);
          this.#tell();
          break;
        default:
          change satisfies never;
      }
    }
  }

  /** Goes on without seeing anything for as long as that is forbidden; what may be listed but not watched is listed. */
  async runWhereAllowed(signal: AbortSignal): Promise<void> {
    for (;;) {
      let listed = false;
      const before = this.#objects;
      try {
        await this.run(signal);
        return;
      } catch (error) {
        if (!(error instanceof KubeError && error.code === 403)) throw error;
        listed = this.#objects !== before;
      }
      if (!listed) {
        this.#objects = new Map();
        this.hidden = true;
        this.#tell();
      }
      await sleep(HIDDEN_MS, signal);
    }
  }

  /** Most of what changes in a session is nothing that is needed. */
  #change(object: T): void {
    const { name } = object.metadata;
    const before = this.#objects.get(name);
    if (before && JSON.stringify(before) === JSON.stringify(object)) return;
    this.#objects.set(name, object);
    this.#tell();
  }

  #tell(): void {
    this.known = true;
    this.#bell.ring();
  }
}

/** That there is a value is enough: keys are not kept for as long as somebody looks. */
function withoutValues({ apiVersion, kind, metadata, data = {} }: Secret): Secret {
  const filled = Object.entries(data).map(([name, value]) => [name, value === '' ? '' : 'set']);
  return { apiVersion, kind, metadata, data: Object.fromEntries(filled) };
}

function whoNeedsWhat({ apiVersion, kind, metadata: { name, namespace }, spec }: AgentSession): AgentSession {
  const { repository, profileRef, roleProfiles, author } = spec;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec: {
      goal: '',
      repository,
      ...(profileRef && { profileRef }),
      ...(roleProfiles && { roleProfiles }),
      ...(author !== undefined && { author }),
    },
  };
}

/** Rings once for whatever happened since it was listened for last. */
class Bell {
  #rings = Promise.withResolvers<void>();
  #failure: { error: unknown } | undefined;

  ring(): void {
    this.#rings.resolve();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.ring();
  }

  /** Resolves when it rings. @throws what it failed with, and the signal's reason */
  async rung(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const leave = () => this.ring();
    signal.addEventListener('abort', leave, { once: true });
    await this.#rings.promise;
    signal.removeEventListener('abort', leave);
    this.#rings = Promise.withResolvers();
    signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
  }
}
