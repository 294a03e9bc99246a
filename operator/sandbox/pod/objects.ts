/** The built-in objects that a Pod sandbox is made of, as far as they are written or read here. */
import type { KubeObject, Resource } from '../../api/resources.ts';
import type { SandboxSpec } from '../transport.ts';

export const PODS = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true } as const satisfies Resource;
export const NETWORK_POLICIES = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
} as const satisfies Resource;
/** Events as core/v1 serves them: their `involvedObject` can be selected by. */
export const POD_EVENTS = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
} as const satisfies Resource;

export const NODES = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false } as const satisfies Resource;

export type EnvVar = { name: string; value: string } | { name: string; valueFrom: { fieldRef: { fieldPath: string } } };

export type Container = {
  name: string;
  image: string;
  imagePullPolicy?: 'IfNotPresent';
  command: string[];
  env?: EnvVar[];
  resources?: NonNullable<SandboxSpec['resources']>;
  securityContext: {
    allowPrivilegeEscalation: false;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
    runAsUser?: number;
    runAsGroup?: number;
  };
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
};

export type PodSpec = {
  automountServiceAccountToken: false;
  enableServiceLinks: false;
  restartPolicy: 'Always';
  terminationGracePeriodSeconds: number;
  securityContext: {
    runAsNonRoot: true;
    runAsUser?: number;
    runAsGroup?: number;
    seccompProfile: { type: 'RuntimeDefault' };
  };
  initContainers?: Container[];
  containers: Container[];
  volumes: { name: string; emptyDir: { sizeLimit?: number | string } }[];
  tolerations: NonNullable<SandboxSpec['tolerations']>;
  runtimeClassName?: string;
  serviceAccountName?: string;
  priorityClassName?: string;
  nodeSelector?: Record<string, string>;
  affinity?: NonNullable<SandboxSpec['affinity']>;
  imagePullSecrets?: { name: string }[];
  /** Of the scheduler. */
  nodeName?: string;
};

/** What a container is doing: one of the three. */
export type ContainerState = {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { exitCode?: number; reason?: string; message?: string; containerID?: string };
};

export type ContainerStatus = {
  name: string;
  containerID?: string;
  restartCount?: number;
  state?: ContainerState;
  lastState?: ContainerState;
};

export type PodStatus = {
  phase?: string;
  reason?: string;
  message?: string;
  hostIP?: string;
  /** Since when its node knows of it. */
  startTime?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
};

export type Pod = KubeObject & { spec: PodSpec; status?: PodStatus };

export type IpBlock = { cidr: string; except?: string[] };
export type PolicyPeer =
  | { ipBlock: IpBlock }
  | { namespaceSelector?: { matchLabels?: Record<string, string> }; podSelector?: { matchLabels?: Record<string, string> } };
export type PolicyPort = { protocol: 'TCP' | 'UDP'; port: number };
export type EgressRule = { to: PolicyPeer[]; ports?: PolicyPort[] };

export type NetworkPolicy = KubeObject & {
  spec: {
    podSelector: { matchLabels: Record<string, string> };
    policyTypes: ('Ingress' | 'Egress')[];
    ingress: never[];
    egress: EgressRule[];
  };
};

export type Node = KubeObject & {
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
};

export type PodEvent = KubeObject & {
  type?: string;
  reason?: string;
  message?: string;
  involvedObject?: { uid?: string };
};
