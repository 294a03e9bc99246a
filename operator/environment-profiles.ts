/** Keeps the profiles that come from the environment as objects of the API, in step with what is set. */
import { type AIProfile, type KubeObject, RESOURCES, type Resource, type Secret } from './api/resources.ts';
import { type KubeClient, KubeError } from './kube/client.ts';
import { ENVIRONMENT_LABEL, environmentObjects } from './llm/environment.ts';
import type { Settings } from './settings.ts';

/** Several operators that start at once write the same; each is surpassed by the others a few times at most. */
const TRIES = 5;

/**
 * Makes, mends and removes them. What a user made under the same name without the label is left alone, and where a user's
 * own profile is the default, none of these is.
 * @returns what of the settings cannot be a profile, in words for people
 */
export async function applyEnvironmentProfiles(
  client: KubeClient,
  namespace: string,
  { model }: Pick<Settings, 'model'>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const objects = environmentObjects(
    {
      openaiApiKey: model.openaiApiKey?.reveal(),
      openaiBaseUrl: model.openaiBaseUrl,
      googleApiKey: model.googleApiKey?.reveal(),
      anthropicApiKey: model.anthropicApiKey?.reveal(),
      azureApiKey: model.azure?.apiKey?.reveal(),
      azureEndpoint: model.azure?.endpoint,
      azureDeployment: model.azure?.deployment,
      azureApiVersion: model.azure?.apiVersion,
      ollamaHost: model.ollamaHost,
      modelName: model.name,
    },
    { namespace, today: new Date().toISOString().slice(0, 10) },
  );
  if (await usersChose(client, namespace, signal)) for (const { spec } of objects.profiles) spec.default = false;
  // A profile is checked against its Secret, so the Secret comes first and goes last.
  await apply<Secret>(client, RESOURCES.secrets, objects.secrets, signal);
  await apply<AIProfile>(client, RESOURCES.profiles, objects.profiles, signal);
  await removeOthers(client, RESOURCES.profiles, namespace, objects.profiles, signal);
  await removeOthers(client, RESOURCES.secrets, namespace, objects.secrets, signal);
  return objects.problems;
}

/** Whether somebody made a profile of their own the default: that holds, whatever is set. */
async function usersChose(client: KubeClient, namespace: string, signal?: AbortSignal): Promise<boolean> {
  const { items } = await client.list<AIProfile>(RESOURCES.profiles, { namespace }, signal);
  return items.some(({ metadata, spec }) => spec.default && metadata.labels?.[ENVIRONMENT_LABEL] === undefined);
}

async function apply<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  wanted: readonly T[],
  signal?: AbortSignal,
): Promise<void> {
  for (const object of wanted) {
    for (let tries = 1; ; tries++) {
      try {
        await write(client, resource, object, signal);
        break;
      } catch (error) {
        if (!(error instanceof KubeError && error.code === 409) || tries === TRIES) throw error;
      }
    }
  }
}

async function write<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: T,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace, name } = object.metadata;
  const current = await client.get<T>(resource, namespace, name, signal).catch((error: unknown) => {
    if (error instanceof KubeError && error.reason === 'NotFound') return undefined;
    throw error;
  });
  if (!current) await client.create(resource, object, signal);
  else if (current.metadata.labels?.[ENVIRONMENT_LABEL] !== undefined) {
    const metadata = { ...current.metadata, ...object.metadata };
    await client.replace(resource, { ...object, metadata }, undefined, signal);
  }
}

async function removeOthers(
  client: KubeClient,
  resource: Resource,
  namespace: string,
  wanted: readonly KubeObject[],
  signal?: AbortSignal,
): Promise<void> {
  const names = new Set(wanted.map((object) => object.metadata.name));
  const { items } = await client.list(resource, { namespace, labelSelector: ENVIRONMENT_LABEL }, signal);
  for (const { metadata } of items) {
    if (names.has(metadata.name)) continue;
    await client.delete(resource, namespace, metadata.name, {}, signal).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.code === 404)) throw error;
    });
  }
}
