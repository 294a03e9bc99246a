/** Keeps the profiles that come from the environment as objects of the API, in step with what is set. */
import { type AIProfile, type KubeObject, RESOURCES, type Resource, type Secret } from '../operator/api/resources.ts';
import { type KubeClient, KubeError } from '../operator/kube/client.ts';
import { ENVIRONMENT_LABEL } from '../operator/llm/environment.ts';

/** Makes, mends and removes them. What a user made under the same name without the label is left alone. */
export async function applyEnvironmentProfiles(
  client: KubeClient,
  namespace: string,
  objects: { profiles: AIProfile[]; secrets: Secret[] },
): Promise<void> {
  // A profile is checked against its Secret, so the Secret comes first and goes last.
  await apply(client, RESOURCES.secrets, objects.secrets);
  await apply(client, RESOURCES.profiles, objects.profiles);
  await removeOthers(client, RESOURCES.profiles, namespace, objects.profiles);
  await removeOthers(client, RESOURCES.secrets, namespace, objects.secrets);
}

async function apply<T extends KubeObject>(client: KubeClient, resource: Resource, wanted: T[]): Promise<void> {
  for (const object of wanted) {
    const { namespace, name } = object.metadata;
    const current = await client.get<T>(resource, namespace, name).catch((error: unknown) => {
      if (error instanceof KubeError && error.reason === 'NotFound') return undefined;
      throw error;
    });
    if (!current) await client.create(resource, object);
    else if (current.metadata.labels?.[ENVIRONMENT_LABEL] !== undefined) {
      await client.replace(resource, { ...object, metadata: { ...current.metadata, ...object.metadata } });
    }
  }
}

async function removeOthers(client: KubeClient, resource: Resource, namespace: string, wanted: KubeObject[]): Promise<void> {
  const names = new Set(wanted.map((object) => object.metadata.name));
  const { items } = await client.list(resource, { namespace, labelSelector: ENVIRONMENT_LABEL });
  for (const { metadata } of items) if (!names.has(metadata.name)) await client.delete(resource, namespace, metadata.name);
}
