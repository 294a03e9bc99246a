import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../operator/api/resources.ts';
import type { NetworkPolicy, Pod } from './objects.ts';
import { policyRules, ROOT } from './policy-rules.ts';

const web = pod('web', 'one', { app: 'web' }, { ports: [{ name: 'http', containerPort: 8080 }] });
const client = pod('client', 'one', { app: 'client' });
const stranger = pod('stranger', 'two', { app: 'client' });
const addresses = new Map([
  ['web', '10.244.0.2'],
  ['client', '10.244.0.3'],
  ['stranger', '10.244.0.4'],
]);
const namespaces = [namespace('one', { team: 'a' }), namespace('two', { team: 'b' })];

describe('a Pod', () => {
  it('that no policy selects has no rule', () => {
    expect([...rules(policy({ podSelector: { matchLabels: { app: 'nobody' } } })).keys()]).toEqual([ROOT]);
  });

  it('of another namespace than the policy has no rule', () => {
    expect(
      rules(policy({ podSelector: {} }))
        .get(ROOT)
        ?.join(),
    ).not.toContain('10.244.0.4');
  });

  it('that ended or is on the host network has no rule', () => {
    const deny = [policy({ podSelector: {} })];
    const ended = { ...web, status: { phase: 'Succeeded' } };
    const host = { ...client, spec: { ...client.spec, hostNetwork: true } };
    expect([...policyRules({ policies: deny, namespaces, pods: [ended, host], addresses }).keys()]).toEqual([ROOT]);
  });

  it('that is isolated without an exception gets nothing but answers', () => {
    const chains = rules(policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'] }));
    expect(chains.get(ROOT)?.slice(0, 2)).toEqual([
      '-m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN',
      '-m conntrack --ctstate RELATED -j RETURN',
    ]);
    expect(chainOf(chains, '-s 10.244.0.2/32')).toEqual(['-j DROP']);
    expect(chainOf(chains, '-d 10.244.0.2/32')).toEqual(['-j DROP']);
  });

  it('is isolated in the directions that are named, or that its rules speak of', () => {
    const onlyIngress = rules(policy({ podSelector: { matchLabels: { app: 'web' } } }));
    expect(onlyIngress.get(ROOT)?.join()).not.toContain('-s 10.244.0.2');
    const both = rules(policy({ podSelector: { matchLabels: { app: 'web' } }, egress: [{}] }));
    expect(chainOf(both, '-s 10.244.0.2/32')).toEqual(['-j RETURN', '-j DROP']);
  });

  it('may do what any of its policies allows', () => {
    const to = (cidr: string) => policy({ podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr } }] }] });
    expect(chainOf(rules(to('1.0.0.0/8'), to('2.0.0.0/8')), '-s 10.244.0.2/32')).toEqual([
      '-d 1.0.0.0/8 -j RETURN',
      '-d 2.0.0.0/8 -j RETURN',
      '-j DROP',
    ]);
  });
});

describe('a peer', () => {
  const from = (...peers: NonNullable<NonNullable<NetworkPolicy['spec']['ingress']>[number]['from']>) =>
    chainOf(rules(policy({ podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: peers }] })), '-d 10.244.0.2/32');

  it('by labels is a Pod of the same namespace', () => {
    expect(from({ podSelector: { matchLabels: { app: 'client' } } })).toEqual(['-s 10.244.0.3/32 -j RETURN', '-j DROP']);
  });

  it('by labels of the namespace is every Pod there', () => {
    expect(from({ namespaceSelector: { matchLabels: { team: 'b' } } })).toEqual(['-s 10.244.0.4/32 -j RETURN', '-j DROP']);
  });

  it('by both has to fulfil both', () => {
    const two = { matchLabels: { team: 'b' } };
    expect(from({ namespaceSelector: two, podSelector: { matchLabels: { app: 'web' } } })).toEqual(['-j DROP']);
    expect(from({ namespaceSelector: two, podSelector: { matchLabels: { app: 'client' } } })).toHaveLength(2);
  });

  it('by expressions is who fulfils them all', () => {
    const expressions = [
      { key: 'app', operator: 'In' as const, values: ['client'] },
      { key: 'app', operator: 'NotIn' as const, values: ['web'] },
      { key: 'gone', operator: 'DoesNotExist' as const },
    ];
    expect(from({ podSelector: { matchExpressions: expressions } })).toEqual(['-s 10.244.0.3/32 -j RETURN', '-j DROP']);
    expect(from({ podSelector: { matchExpressions: [{ key: 'gone', operator: 'Exists' }] } })).toEqual(['-j DROP']);
  });

  it('by range is everyone in it but those excepted', () => {
    expect(from({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.128.0.0/9'] } })).toEqual(['-s 10.0.0.0/9 -j RETURN', '-j DROP']);
  });
});

describe('a port', () => {
  const egress = (ports: NonNullable<NonNullable<NetworkPolicy['spec']['egress']>[number]['ports']>, everywhere = false) =>
    chainOf(
      rules(
        policy({
          podSelector: { matchLabels: { app: 'client' } },
          policyTypes: ['Egress'],
          egress: [{ ports, ...(!everywhere && { to: [{ ipBlock: { cidr: '9.0.0.0/8' } }] }) }],
        }),
      ),
      '-s 10.244.0.3/32',
    );

  it('is of TCP unless it says otherwise, and may be a range', () => {
    expect(egress([{ port: 443 }, { protocol: 'UDP', port: 53 }, { port: 8000, endPort: 8010 }])).toEqual([
      '-d 9.0.0.0/8 -p tcp --dport 443 -j RETURN',
      '-d 9.0.0.0/8 -p udp --dport 53 -j RETURN',
      '-d 9.0.0.0/8 -p tcp --dport 8000:8010 -j RETURN',
      '-j DROP',
    ]);
  });

  it('by name is what the Pod that listens calls so', () => {
    expect(egress([{ port: 'http' }], true)).toEqual(['-d 10.244.0.2/32 -p tcp --dport 8080 -j RETURN', '-j DROP']);
    expect(egress([{ port: 'http' }])).toEqual(['-j DROP']);
    const ingress = rules(policy({ podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'http' }] }] }));
    expect(chainOf(ingress, '-d 10.244.0.2/32')).toEqual(['-p tcp --dport 8080 -j RETURN', '-j DROP']);
  });
});

function rules(...policies: NetworkPolicy[]): Map<string, string[]> {
  return policyRules({ policies, namespaces, pods: [web, client, stranger], addresses });
}

/** The rules of the chain that packets go through which look so. */
function chainOf(chains: Map<string, string[]>, match: string): string[] | undefined {
  const jump = chains.get(ROOT)?.find((line) => line.startsWith(`${match} -j `));
  return chains.get(jump?.split(' ').at(-1) ?? '');
}

function policy(spec: NetworkPolicy['spec']): NetworkPolicy {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p', namespace: 'one' }, spec };
}

function namespace(name: string, labels: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function pod(name: string, at: string, labels: Record<string, string>, container: Pod['spec']['containers'][number] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: at, uid: name, labels },
    spec: { containers: [container] },
  };
}
