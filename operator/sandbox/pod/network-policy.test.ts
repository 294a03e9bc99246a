import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { SandboxSpec } from '../transport.ts';
import { isPrivate, type NetworkFacts, type NetworkOptions, networkPolicyOf, proxiesOf } from './network-policy.ts';
import type { PolicyPeer } from './objects.ts';

const OWNER = { uid: 'uid', name: 'session', namespace: 'team' };
type Given = { network?: NonNullable<SandboxSpec['network']>; options?: Partial<NetworkOptions>; facts?: Partial<NetworkFacts> };

function policy({ network = {}, options = {}, facts = {} }: Given = {}) {
  const rest = {
    placement: { kind: 'with-session' },
    installation: 'main',
    network: { dnsServers: [], blocked: [], ...options },
  } as const;
  return networkPolicyOf(OWNER, { namespace: 'team', name: 'pod' }, { network }, rest, {
    proxies: [],
    nodeAddresses: [],
    ...facts,
  });
}

/** Whether the rules let a TCP connection out to the address: an enforcer in miniature, for addresses alone. */
function lets(address: string, port: number, given: Given = {}): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const holds = (range: string): boolean => {
    const [network = '', prefix = ''] = range.split('/');
    if ((isIP(network) === 6) !== (family === 'ipv6')) return false;
    const list = new BlockList();
    list.addSubnet(network, Number(prefix), family);
    return list.check(address, family);
  };
  const matches = (peer: PolicyPeer): boolean =>
    'ipBlock' in peer && holds(peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some(holds);
  return policy(given).spec.egress.some(
    ({ to, ports }) => to.some(matches) && (!ports || ports.some((one) => one.protocol === 'TCP' && one.port === port)),
  );
}

describe('the network policy of a sandbox', () => {
  it('lets nothing in, and stands for the Pods of its session alone', () => {
    expect(policy().spec).toMatchObject({
      podSelector: { matchLabels: { 'sweagent.dev/session-uid': 'uid' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
    });
  });

  it('leads to the public internet and to nothing private, of either family', () => {
    for (const address of ['1.1.1.1', '140.82.121.4', '172.32.0.1', '2606:4700::1111']) expect(lets(address, 443)).toBe(true);
    const unreachable = [
      '10.0.0.1',
      '10.96.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '0.0.0.0',
      '224.0.0.1',
      '::1',
      'fd00::1',
      'fe80::1',
      'fd00:ec2::254',
      '64:ff9b::a00:1',
    ];
    for (const address of unreachable) expect({ address, reached: lets(address, 443) }).toEqual({ address, reached: false });
  });

  it('keeps from ranges and nodes of the cluster that have public addresses', () => {
    const given = { options: { blocked: ['198.51.100.0/24', '2001:db8:1::/48'] }, facts: { nodeAddresses: ['203.0.113.9'] } };
    for (const address of ['198.51.100.7', '203.0.113.9', '2001:db8:1::7']) expect(lets(address, 443, given)).toBe(false);
    expect(lets('203.0.113.10', 443, given)).toBe(true);
  });

  it('lets through what is allowed, at the ports that are named, also when it is private', () => {
    const allow = [{ cidr: '10.1.0.0/16', ports: [5432] }, { cidr: '192.168.7.7' }];
    expect(lets('10.1.2.3', 5432, { network: { allow } })).toBe(true);
    expect(lets('10.1.2.3', 22, { network: { allow } })).toBe(false);
    expect(lets('192.168.7.7', 22, { network: { allow } })).toBe(true);
    expect(lets('192.168.7.8', 22, { network: { allow } })).toBe(false);
  });

  it('that is strict leads to what is allowed alone, to the proxies, and otherwise nowhere, not even to name servers', () => {
    const strict = { egress: 'strict' } as const;
    expect(policy({ network: strict }).spec.egress).toEqual([]);
    const allow = [{ cidr: '203.0.113.0/24' }];
    expect(lets('203.0.113.1', 443, { network: { ...strict, allow } })).toBe(true);
    expect(lets('1.1.1.1', 443, { network: { ...strict, allow } })).toBe(false);
    const facts = { proxies: [{ address: '10.0.0.9', port: 3128 }] };
    expect(lets('10.0.0.9', 3128, { network: strict, facts })).toBe(true);
    expect(lets('10.0.0.9', 22, { network: strict, facts })).toBe(false);
  });

  it("asks the cluster's name servers, and those that the operator names, on port 53 only", () => {
    const [dns] = policy({ options: { dnsServers: ['169.254.20.10'] } }).spec.egress;
    expect(dns?.to).toContainEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    });
    expect(lets('169.254.20.10', 53, { options: { dnsServers: ['169.254.20.10'] } })).toBe(true);
    expect(lets('169.254.20.10', 80, { options: { dnsServers: ['169.254.20.10'] } })).toBe(false);
  });

  it('knows the proxies of a session by host and port', () => {
    const proxy = { http: 'http://proxy.example', https: 'https://[fd00::1]:8443' };
    expect(proxiesOf({ network: { proxy } })).toEqual([
      { host: 'proxy.example', port: 80 },
      { host: 'fd00::1', port: 8443 },
    ]);
    expect(proxiesOf({ network: { proxy: { http: 'no url' } } })).toEqual([]);
    expect(proxiesOf({})).toEqual([]);
  });

  it('tells private addresses from public ones', () => {
    for (const address of ['10.0.0.1', '169.254.169.254', 'fd00::1', '::1']) expect(isPrivate(address)).toBe(true);
    for (const address of ['203.0.113.1', '2606:4700::1111', 'no address']) expect(isPrivate(address)).toBe(false);
  });
});
