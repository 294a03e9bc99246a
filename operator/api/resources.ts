/** The two kinds of the API and what Kubernetes adds to every object. */
import type { AgentSessionSpec, AgentSessionStatus, AIProfileSpec, AIProfileStatus } from './types.gen.ts';

export const GROUP = 'sweagent.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Finalizer of an AgentSession: its log, blobs and a local or Daytona sandbox are nothing that Kubernetes collects. */
export const FINALIZER = `${GROUP}/cleanup`;
/** Only Secrets with this label are ever read. */
export const CREDENTIAL_LABEL = `${GROUP}/credential`;
/** On a credential Secret for git: the hosts that the token may be sent to, separated by commas. */
export const HOSTS_ANNOTATION = `${GROUP}/hosts`;
/** On an AIProfile: a new value asks the operator to try the model now. */
export const PROBE_ANNOTATION = `${GROUP}/probe-requested`;
/** On children of a session: the session's UID. */
export const SESSION_UID_LABEL = `${GROUP}/session-uid`;

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

export type ObjectMeta = {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  generateName?: string;
};

/** Any Kubernetes object. */
export type KubeObject = { apiVersion: string; kind: string; metadata: ObjectMeta };

export type AgentSession = KubeObject & { spec: AgentSessionSpec; status?: AgentSessionStatus };
export type AIProfile = KubeObject & { spec: AIProfileSpec; status?: AIProfileStatus };
export type Secret = KubeObject & { data?: Record<string, string>; type?: string };

export type Phase = NonNullable<AgentSessionStatus['phase']>;
export type Condition = NonNullable<AgentSessionStatus['conditions']>[number];
export type SessionInput = NonNullable<AgentSessionSpec['inputs']>[number];
export type Limits = NonNullable<AgentSessionSpec['limits']>;
export type SessionResult = NonNullable<AgentSessionStatus['result']>;

/** Where a kind is served. */
export type Resource = { group: string; version: string; plural: string; kind: string; namespaced: boolean };

export const RESOURCES = {
  sessions: { group: GROUP, version: VERSION, plural: 'agentsessions', kind: 'AgentSession', namespaced: true },
  profiles: { group: GROUP, version: VERSION, plural: 'aiprofiles', kind: 'AIProfile', namespaced: true },
  secrets: { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true },
  namespaces: { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false },
  events: { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
} as const satisfies Record<string, Resource>;
