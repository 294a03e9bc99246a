/** A profile as a user applies it: with the Secret that it refers to. */

export const PROFILE_KEY = 'sk-made-by-kubectl-0123456789';

/** The Secret and the AIProfile of a name. @param modelUrl where the model is served; the key may go nowhere else */
export function profileObjects(name: string, modelUrl: string, spec: object): [secret: object, profile: object] {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      labels: { 'sweagent.dev/credential': 'model' },
      annotations: { 'sweagent.dev/hosts': new URL(modelUrl).host },
    },
    stringData: { apiKey: PROFILE_KEY },
  };
  const profile = {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AIProfile',
    metadata: { name },
    spec: { provider: 'openai-compatible', baseUrl: modelUrl, credentialSecretRef: { name }, ...spec },
  };
  return [secret, profile];
}

/** Both in one manifest. */
export function profileManifest(name: string, modelUrl: string, spec: object): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: profileObjects(name, modelUrl, spec) });
}
