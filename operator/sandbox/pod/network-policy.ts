/**
 * What a sandbox may reach, as a pure function: nothing comes in, and nothing goes out to the cluster, its nodes or a cloud's
 * metadata service. https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
import { BlockList, isIP } from 'node:net';
import { SESSION_UID_LABEL } from '../../api/resources.ts';
import type { SandboxOwner, SandboxSpec } from '../transport.ts';
import type { EgressRule, NetworkPolicy, PolicyPeer } from './objects.ts';
import { metadataOf, type Place, type Placement } from './placement.ts';

export type NetworkOptions = {
  /** Addresses of name servers beside the cluster's own Pods with the label k8s-app=kube-dns: a node-local cache, for example. */
  dnsServers: readonly string[];
  /** Address ranges that are the cluster's although they are public: nodes, Pods, Services. */
  blocked: readonly string[];
};

/** Not the public internet (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const PRIVATE_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** The same in IPv6, and what leads to IPv4 addresses through a gateway. */
const PRIVATE_V6 = ['::/128', '::1/128', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', 'fc00::/7', 'fe80::/10', 'ff00::/8'];

const DNS_PORTS = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
] as const;

export type NetworkFacts = {
  /** Addresses of the proxies that the spec names, with their ports. */
  proxies: readonly { address: string; port: number }[];
  /** The node that the Pod is on, once it is on one. */
  nodeAddresses: readonly string[];
};

export function networkPolicyOf(
  owner: SandboxOwner,
  place: Place,
  spec: SandboxSpec,
  options: { placement: Placement; installation: string; network: NetworkOptions },
  facts: NetworkFacts,
): NetworkPolicy {
  const { egress = 'public', allow = [] } = spec.network ?? {};
  const blocked = [...options.network.blocked, ...facts.nodeAddresses].map(asRange);
  const rules: EgressRule[] = [];
  // Questions to a name server can carry anything out. Who may reach nothing needs no names.
  if (egress === 'public' || allow.length > 0 || facts.proxies.length > 0) rules.push(dnsRule(options.network.dnsServers));
  if (egress === 'public')
    rules.push({ to: [everywhereBut('0.0.0.0/0', PRIVATE_V4, blocked), everywhereBut('::/0', PRIVATE_V6, blocked)] });
  for (const { cidr, ports = [] } of allow) {
    rules.push({
      to: [{ ipBlock: { cidr: asRange(cidr) } }],
      ...(ports.length > 0 && { ports: ports.map((port) => ({ protocol: 'TCP' as const, port })) }),
    });
  }
  for (const { address, port } of facts.proxies) {
    rules.push({ to: [{ ipBlock: { cidr: asRange(address) } }], ports: [{ protocol: 'TCP', port }] });
  }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(owner, place, options.placement, options.installation),
    spec: {
      podSelector: { matchLabels: { [SESSION_UID_LABEL]: owner.uid } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: rules,
    },
  };
}

/** Whether an address is one that no sandbox reaches under the public rules anyway. */
export function isPrivate(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const list = new BlockList();
  for (const range of family === 4 ? PRIVATE_V4 : PRIVATE_V6) {
    const [network = '', prefix = ''] = range.split('/');
    list.addSubnet(network, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
  }
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Host and port of the proxies that a spec names; a URL that cannot be read names none. */
export function proxiesOf(spec: SandboxSpec): { host: string; port: number }[] {
  const { http, https } = spec.network?.proxy ?? {};
  return [http, https].flatMap((text) => {
    const url = text && URL.canParse(text) ? new URL(text) : undefined;
    if (!url?.hostname) return [];
    const port = url.port ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;
    return [{ host: url.hostname.replace(/^\[|\]$/g, ''), port }];
  });
}

function dnsRule(servers: readonly string[]): EgressRule {
  const pods: PolicyPeer = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
    podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  };
  return { to: [pods, ...servers.map((server) => ({ ipBlock: { cidr: asRange(server) } }))], ports: [...DNS_PORTS] };
}

function everywhereBut(all: string, ranges: readonly string[], blocked: readonly string[]): PolicyPeer {
  const family = all.includes(':');
  return { ipBlock: { cidr: all, except: [...ranges, ...blocked.filter((range) => range.includes(':') === family)] } };
}

/** A single address as the range that holds it alone. */
function asRange(address: string): string {
  const family = isIP(address);
  return family === 0 ? address : `${address}/${family === 4 ? 32 : 128}`;
}
