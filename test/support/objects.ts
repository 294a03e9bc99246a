/** Objects of the API for tests, with everything that a test does not name filled in. */
import { type AgentSession, type AIProfile, API_VERSION, FINALIZER } from '../../operator/api/resources.ts';
import type { AgentSessionSpec, AgentSessionStatus, AIProfileSpec, AIProfileStatus } from '../../operator/api/types.gen.ts';

type Meta = Partial<AgentSession['metadata']>;

/** A session as an API server gives it: defaults applied, our finalizer set. */
export function aSession(spec: Partial<AgentSessionSpec> = {}, status?: AgentSessionStatus, metadata: Meta = {}): AgentSession {
  return {
    apiVersion: API_VERSION,
    kind: 'AgentSession',
    metadata: {
      name: 's',
      namespace: 'ns',
      uid: 'uid-s',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2030-01-01T00:00:00Z',
      finalizers: [FINALIZER],
      ...metadata,
    },
    spec: {
      goal: 'Mend the parser',
      repository: { url: 'https://github.com/acme/parser.git', depth: 1 },
      mode: 'auto',
      priority: 0,
      suspend: false,
      resume: 0,
      cancelled: false,
      ...spec,
    },
    ...(status && { status }),
  };
}

/** A profile that can be used, unless `status` says otherwise. */
export function aProfile(
  name: string,
  spec: Partial<AIProfileSpec> = {},
  status: AIProfileStatus | undefined = usableProfile(),
  metadata: Meta = {},
): AIProfile {
  return {
    apiVersion: API_VERSION,
    kind: 'AIProfile',
    metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: '1', generation: 1, ...metadata },
    spec: { provider: 'openai', model: 'gpt', ...spec },
    ...(status && { status }),
  };
}

function usableProfile(): AIProfileStatus {
  return {
    observedGeneration: 1,
    conditions: [condition('Accepted', 'True', 'Accepted'), condition('CredentialsResolved', 'True', 'SecretFound')],
  };
}

/** What the profile reconciler says of a profile that cannot be used. */
export function unusable(type: 'Accepted' | 'CredentialsResolved', reason: string, message: string): AIProfileStatus {
  const other = type === 'Accepted' ? 'CredentialsResolved' : 'Accepted';
  return {
    observedGeneration: 1,
    conditions: [condition(other, 'True', 'Fine'), { ...condition(type, 'False', reason), message }],
  };
}

export function condition(type: string, status: 'True' | 'False' | 'Unknown', reason: string, message = reason) {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: '2030-01-01T00:00:00Z' };
}
