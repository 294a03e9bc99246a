/** The NetworkPolicy of a sandbox: there before its Pod, and told of the Pod's node once there is one. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type KubeClient, KubeError } from '../../kube/client.ts';
import type { SandboxOwner, SandboxSpec } from '../transport.ts';
import { creationFault } from './creation-fault.ts';
import { isPrivate, type NetworkFacts, type NetworkOptions, networkPolicyOf, proxiesOf } from './network-policy.ts';
import { NETWORK_POLICIES, type NetworkPolicy } from './objects.ts';
import { belongsTo, isSandbox, type Place, type Placement } from './placement.ts';

export type PoliciesOptions = {
  client: KubeClient;
  placement: Placement;
  installation: string;
  network: NetworkOptions;
  /** Addresses of a host name; default the system's resolver. */
  resolve?: (host: string) => Promise<readonly string[]>;
};

export class Policies {
  readonly #options: PoliciesOptions;

  constructor(options: PoliciesOptions) {
    this.#options = options;
  }

  /**
   * Makes the policy what it should be.
   * @returns why there is none, in words for people; undefined when there is one
   * @throws SandboxUnavailableError
   */
  async ensure(
    owner: SandboxOwner,
    place: Place,
    spec: SandboxSpec,
    signal: AbortSignal,
    nodeAddresses: readonly string[] = [],
  ): Promise<string | undefined> {
    const facts: NetworkFacts = {
      proxies: await this.#proxies(spec),
      nodeAddresses: nodeAddresses.filter((address) => !isPrivate(address)),
    };
    const wanted = networkPolicyOf(owner, place, spec, this.#options, facts);
    try {
      await this.#write(owner, wanted, signal);
      return undefined;
    } catch (error) {
      // 404: an API server without this kind.
      if (
        error instanceof KubeError &&
        (error.code === 403 || error.code === 404) &&
        !/is being terminated/.test(error.message)
      ) {
        return `no NetworkPolicy guards the Pod's network, so that commands may reach the cluster and its nodes: ${error.message}`;
      }
      throw creationFault(error);
    }
  }

  /** Whether something has to be added to the policy once the node is known. */
  needsNode(nodeAddresses: readonly string[]): boolean {
    return nodeAddresses.some((address) => !isPrivate(address));
  }

  async remove(owner: SandboxOwner, place: Place, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    try {
      const found = await client.get<NetworkPolicy>(NETWORK_POLICIES, place.namespace, place.name, signal);
      if (!belongsTo(found, owner, this.#options.installation) || found.metadata.uid === undefined) return;
      await client.delete(NETWORK_POLICIES, place.namespace, place.name, { preconditions: { uid: found.metadata.uid } }, signal);
    } catch (error) {
      // Where it may not be made it was not made.
      if (!(error instanceof KubeError) || ![403, 404, 409].includes(error.code)) throw creationFault(error);
    }
  }

  async #write(owner: SandboxOwner, wanted: NetworkPolicy, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const { namespace, name } = wanted.metadata;
    for (let attempt = 1; ; attempt++) {
      try {
        await client.create(NETWORK_POLICIES, wanted, signal);
        return;
      } catch (error) {
        if (!(error instanceof KubeError && error.reason === 'AlreadyExists') || attempt === 4) throw error;
      }
      try {
        const found = await client.get<NetworkPolicy>(NETWORK_POLICIES, namespace, name, signal);
        const { uid, resourceVersion } = found.metadata;
        if (belongsTo(found, owner, this.#options.installation)) {
          if (isDeepStrictEqual(found.spec.egress, wanted.spec.egress)) return;
          const metadata = { ...wanted.metadata, ...(resourceVersion !== undefined && { resourceVersion }) };
          await client.replace(NETWORK_POLICIES, { ...wanted, metadata }, undefined, signal);
          return;
        }
        if (!isSandbox(found, this.#options.installation))
          throw new KubeError(409, 'Conflict', `the NetworkPolicy ${namespace}/${name} belongs to somebody else`);
        // Its session is gone: a name is used again only then.
        await client.delete(NETWORK_POLICIES, namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
      } catch (error) {
        // Gone or changed in between: looked at anew.
        if (!(error instanceof KubeError) || (error.code !== 404 && error.code !== 409) || attempt === 4) throw error;
      }
    }
  }

  async #proxies(spec: SandboxSpec): Promise<{ address: string; port: number }[]> {
    const resolve = this.#options.resolve ?? (async (host) => (await lookup(host, { all: true })).map(({ address }) => address));
    const found = await Promise.all(
      proxiesOf(spec).map(async ({ host, port }) => {
        // A name that cannot be found here may be one that only the Pod knows; its own rules have to allow it then.
        const addresses = isIP(host) ? [host] : await resolve(host).catch(() => []);
        return addresses.map((address) => ({ address, port }));
      }),
    );
    return found.flat();
  }
}
