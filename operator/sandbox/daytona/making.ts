/** Finding the sandbox of a session, and making it when there is none: never two, also when an answer was lost. */
import type { Sandbox } from '@daytonaio/sdk';
import { pause } from '../deadline.ts';
import type { SandboxOwner, SandboxSpec } from '../transport.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { faultOf, isPassing, statusOf } from './faults.ts';
import { labelsOf, nameOf, ownerOf } from './labels.ts';
import { removeSandbox } from './removal.ts';
import { resourcesOf } from './resources.ts';
import { verdictOf } from './state.ts';

export type Site = {
  client: DaytonaClient;
  /** Which installation's sandboxes they are. */
  installation: string;
  /** Of sessions that name neither image nor snapshot. */
  image: string;
};

/**
 * Minutes without use after which the service stops a sandbox, and after which it deletes one that is stopped. While somebody
 * uses it, it hears of that every five minutes.
 */
const STOP_MINUTES = 60;
const DELETE_MINUTES = 60;
/** How long the request that makes a sandbox may take; whether it did is looked up then. */
const CREATE_SECONDS = 30;
const ATTEMPTS = 5;

/** The sandbox of that owner's name, whosever it is; undefined when there is none. */
export function look({ client, installation }: Site, owner: SandboxOwner, signal: AbortSignal): Promise<Sandbox | undefined> {
  return client.get(nameOf(owner, installation), signal);
}

export function belongsTo({ installation }: Site, { labels }: Sandbox, owner: SandboxOwner): boolean {
  return ownerOf(labels, installation)?.uid === owner.uid;
}

/** Whether it will never be of use again. */
export function isOver({ state }: Sandbox): boolean {
  const { kind } = verdictOf(state);
  return kind === 'gone' || kind === 'failed';
}

/**
 * The name is what makes it never two: the service has one sandbox of a name, and it is looked up before it is made.
 * @throws SandboxUnavailableError | the signal's reason
 */
export async function findOrMake(site: Site, owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
  const { client, installation } = site;
  for (let attempt = 1; ; attempt++) {
    const found = await look(site, owner, signal);
    if (found && !ownerOf(found.labels, installation)) {
      const message = `the sandbox ${found.name} at Daytona belongs to somebody else; delete it or rename the session`;
      throw unavailable('NameTaken', message);
    }
    if (found && belongsTo(site, found, owner) && !isOver(found)) return found;
    // A name is used again only after its sandbox is gone: what was there belongs to nobody any more.
    if (found) await removeSandbox(client, found, signal);
    try {
      return await make(site, owner, spec, signal);
    } catch (error) {
      signal.throwIfAborted();
      // It was made, and failed while it started: why is told by its state.
      const failed = statusOf(error) === undefined && !isPassing(error) ? await look(site, owner, signal) : undefined;
      if (failed && belongsTo(site, failed, owner)) return failed;
      // Made by another operator, or by a request whose answer was lost: both are found by the name.
      const looksAgain = statusOf(error) === 409 || (isPassing(error) && statusOf(error) !== 429);
      if (!looksAgain || attempt === ATTEMPTS) throw faultOf(error, 'make a sandbox', client.apiUrl);
      await pause(attempt * 100, signal);
    }
  }
}

async function make(
  { client, installation, image }: Site,
  owner: SandboxOwner,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Sandbox> {
  const { snapshot, target, ephemeral, networkAllowList, networkBlockAll } = spec.daytona ?? {};
  const daytona = await client.daytona(target);
  const common = {
    name: nameOf(owner, installation),
    labels: labelsOf(owner, installation),
    envVars: environment(spec),
    public: false,
    autoStopInterval: STOP_MINUTES,
    autoDeleteInterval: ephemeral ? 0 : DELETE_MINUTES,
    ...(networkAllowList !== undefined && { networkAllowList }),
    ...(networkBlockAll !== undefined && { networkBlockAll }),
  };
  const resources = resourcesOf(spec);
  const create = (): Promise<Sandbox> =>
    snapshot === undefined
      ? daytona.create({ ...common, image: spec.image ?? image, resources }, { timeout: CREATE_SECONDS })
      : daytona.create({ ...common, snapshot }, { timeout: CREATE_SECONDS });
  return client.call('make a sandbox', create, { signal, ms: (CREATE_SECONDS + 5) * 1000, raw: true });
}

/** What the session asks for; the rest of a command's environment is set where the runner is started. */
function environment(spec: SandboxSpec): Record<string, string> {
  const { http, https, noProxy } = spec.network?.proxy ?? {};
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries({ HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: noProxy })) {
    if (value !== undefined) Object.assign(values, { [name]: value, [name.toLowerCase()]: value });
  }
  for (const { name, value } of spec.env ?? []) values[name] = value;
  return values;
}
