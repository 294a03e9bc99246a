/** Who calls, what they may do, and what there is: what the page needs to know before it offers anything. */
import { readFileSync } from 'node:fs';
import { quote } from '../operator/sandbox/quote.ts';
import type { GatewayAuth } from './http/auth.ts';
import type { Caller, Right } from './http/caller.ts';
import { isRecord } from './record.ts';

/** What callers are told of the installation. */
export type About = {
  sandboxTypes: readonly ('pod' | 'daytona' | 'local')[];
  /** Path of the kubeconfig for kubectl, where this process made one. */
  kubeconfig?: string;
};

export type MeOptions = {
  auth: GatewayAuth['mode'];
  namespace: string;
  about: About;
  allowLocalRepositories: boolean;
};

/** The rights are asked for and kept for a moment; whatever is said here, the API server decides. */
export async function meOf(caller: Caller, { auth, namespace, about, allowLocalRepositories }: MeOptions, signal: AbortSignal) {
  const may = (verb: Right['verb'], resource: Right['resource'], subresource?: 'log') =>
    caller.may({ verb, resource, ...(subresource && { subresource }) }, signal);
  const [create, update, remove, log, createProfile, updateProfile, removeProfile, ...keys] = await Promise.all([
    may('create', 'agentsessions'),
    may('patch', 'agentsessions'),
    may('delete', 'agentsessions'),
    may('get', 'agentsessions', 'log'),
    may('create', 'aiprofiles'),
    may('patch', 'aiprofiles'),
    may('delete', 'aiprofiles'),
    // To replace a key, the Secret is looked at first: whose it is.
    may('create', 'secrets'),
    may('get', 'secrets'),
    may('update', 'secrets'),
  ]);
  return {
    author: caller.author,
    auth,
    namespace,
    may: {
      sessions: { create, update, delete: remove, read_log: log },
      profiles: { create: createProfile, update: updateProfile, delete: removeProfile },
      keys: { write: keys.every((one) => one) },
    },
    version: version(),
    sandbox_types: about.sandboxTypes,
    kubeconfig_hint: about.kubeconfig === undefined ? null : `KUBECONFIG=${quote(about.kubeconfig)}`,
    local_repositories: allowLocalRepositories,
  };
}

let known: string | undefined;

function version(): string {
  if (known === undefined) {
    const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    known = isRecord(manifest) && typeof manifest.version === 'string' ? manifest.version : '';
  }
  return known;
}
