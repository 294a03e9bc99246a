/**
 * Turns the network policies of a cluster into packet rules: a pure function of what there is.
 *
 *   root      an answer to an allowed packet passes; each isolated Pod's packets go through its own chains
 *   Pod, out  one rule for each peer and port that a policy allows, then drop
 *   Pod, in   the same
 *
 * A packet between two isolated Pods has to pass both. Only packets in the direction in which a connection was opened are
 * judged, so that a policy that comes later ends what it does not allow.
 */
import { createHash } from 'node:crypto';
import type { KubeObject } from '../../../operator/api/resources.ts';
import { subtract } from './address-range.ts';
import { type NetworkPolicy, type Pod, type PolicyPeer, type PolicyPort, selects } from './objects.ts';

export type Snapshot = {
  policies: readonly NetworkPolicy[];
  namespaces: readonly KubeObject[];
  pods: readonly Pod[];
  /** IPv4 addresses by the UID of the Pod. A Pod without one is in no rule. */
  addresses: ReadonlyMap<string, string>;
};

/** Rules in the words of iptables, without the chain, by the name of their chain. */
export type Chains = Map<string, string[]>;

/** The chain that sees every packet that is forwarded or comes to the node itself. */
export const ROOT = 'SWE-POLICY';

type Direction = 'Ingress' | 'Egress';
type Rule = { peers: readonly PolicyPeer[]; ports: readonly PolicyPort[] };
/** A Pod that takes part in the network of Pods. */
type Member = { pod: Pod; address: string };

export function policyRules(snapshot: Snapshot): Chains {
  const members = membersOf(snapshot);
  const root = ['-m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN', '-m conntrack --ctstate RELATED -j RETURN'];
  const chains: Chains = new Map([[ROOT, root]]);
  for (const direction of ['Egress', 'Ingress'] as const) {
    for (const member of members) {
      const policies = snapshot.policies.filter((policy) => isolates(policy, direction, member.pod));
      if (policies.length === 0) continue;
      const name = chainName(direction, member.pod);
      root.push(`${direction === 'Egress' ? '-s' : '-d'} ${member.address}/32 -j ${name}`);
      const allowed = policies.flatMap((policy) =>
        rulesOf(policy, direction).flatMap((rule) => matches(rule, direction, policy, member, members, snapshot.namespaces)),
      );
      chains.set(name, [...[...new Set(allowed)].map((match) => `${match} -j RETURN`.trimStart()), '-j DROP']);
    }
  }
  return chains;
}

function membersOf({ pods, addresses }: Snapshot): Member[] {
  return pods.flatMap((pod) => {
    const address = addresses.get(pod.metadata.uid ?? '');
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    return address === undefined || ended || pod.spec.hostNetwork ? [] : [{ pod, address }];
  });
}

function isolates(policy: NetworkPolicy, direction: Direction, pod: Pod): boolean {
  const types = policy.spec.policyTypes ?? ['Ingress', ...(policy.spec.egress ? (['Egress'] as const) : [])];
  return (
    types.includes(direction) &&
    policy.metadata.namespace === pod.metadata.namespace &&
    selects(policy.spec.podSelector ?? {}, pod.metadata.labels)
  );
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): Rule[] {
  return direction === 'Egress'
    ? (spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }))
    : (spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
}

/** What a packet may look like by this rule: every peer with every port. */
function matches(
  { peers, ports }: Rule,
  direction: Direction,
  policy: NetworkPolicy,
  member: Member,
  members: readonly Member[],
  namespaces: readonly KubeObject[],
): string[] {
  const flag = direction === 'Egress' ? '-d' : '-s';
  const numbers = ports.filter(({ port }) => typeof port !== 'string').map(portMatch);
  const names = ports.filter(({ port }) => typeof port === 'string');
  const any = ports.length === 0 ? [''] : numbers;
  // A port's name is that of the Pod that listens.
  if (direction === 'Ingress') any.push(...names.flatMap((port) => namedPort(port, member.pod)));

  // Pods have no IPv6 addresses here, so a range of those allows nothing.
  const blocks = peers.flatMap(({ ipBlock }) =>
    ipBlock && !ipBlock.cidr.includes(':') ? subtract(ipBlock.cidr, ipBlock.except ?? []) : [],
  );
  const chosen = members.filter(({ pod }) => peers.length === 0 || peers.some((peer) => isPeer(peer, pod, policy, namespaces)));
  const everywhere = peers.length === 0 ? any : [];
  const inBlocks = blocks.flatMap((block) => any.map((port) => `${flag} ${block} ${port}`));
  const atPods = chosen.flatMap(({ pod, address }) => {
    const here = direction === 'Egress' ? names.flatMap((port) => namedPort(port, pod)) : [];
    return [...(peers.length === 0 ? [] : any), ...here].map((port) => `${flag} ${address}/32 ${port}`);
  });
  return [...everywhere, ...inBlocks, ...atPods].map((match) => match.trim());
}

function isPeer(peer: PolicyPeer, pod: Pod, policy: NetworkPolicy, namespaces: readonly KubeObject[]): boolean {
  if (peer.ipBlock) return false;
  if (!selects(peer.podSelector ?? {}, pod.metadata.labels)) return false;
  if (!peer.namespaceSelector) return pod.metadata.namespace === policy.metadata.namespace;
  const namespace = namespaces.find(({ metadata }) => metadata.name === pod.metadata.namespace);
  return namespace !== undefined && selects(peer.namespaceSelector, namespace.metadata.labels);
}

function portMatch({ protocol = 'TCP', port, endPort }: PolicyPort): string {
  const numbers = port === undefined ? '' : ` --dport ${port}${endPort === undefined ? '' : `:${endPort}`}`;
  return `-p ${protocol.toLowerCase()}${numbers}`;
}

function namedPort({ protocol = 'TCP', port }: PolicyPort, pod: Pod): string[] {
  return pod.spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter((one) => one.name === port && (one.protocol ?? 'TCP') === protocol)
    .map(({ containerPort }) => portMatch({ protocol, port: containerPort }));
}

function chainName(direction: Direction, { metadata }: Pod): string {
  const id = createHash('sha256').update(`${metadata.uid}`).digest('hex').slice(0, 16);
  return `SWE-${direction === 'Egress' ? 'OUT' : 'IN'}-${id}`;
}
