/** What of the Kubernetes API the enforcer reads. */
import type { KubeObject } from '../../../operator/api/resources.ts';

export type LabelSelector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: readonly { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: readonly string[] }[];
};

export type PolicyPort = { protocol?: 'TCP' | 'UDP' | 'SCTP'; port?: number | string; endPort?: number };

export type PolicyPeer = {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: readonly string[] };
};

export type NetworkPolicy = KubeObject & {
  spec: {
    podSelector?: LabelSelector;
    policyTypes?: readonly ('Ingress' | 'Egress')[];
    ingress?: readonly { from?: readonly PolicyPeer[]; ports?: readonly PolicyPort[] }[];
    egress?: readonly { to?: readonly PolicyPeer[]; ports?: readonly PolicyPort[] }[];
  };
};

export type Pod = KubeObject & {
  spec: {
    hostNetwork?: boolean;
    containers: readonly { ports?: readonly { name?: string; containerPort: number; protocol?: string }[] }[];
  };
  status?: { phase?: string; podIP?: string };
};

/** Whether the labels fulfil the selector; an empty selector selects everything. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Record<string, string> = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const among = value !== undefined && values.includes(value);
      return operator === 'In' ? among : !among;
    })
  );
}
