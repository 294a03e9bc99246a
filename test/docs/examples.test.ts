import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type AIProfile, CREDENTIAL_LABEL, HOSTS_ANNOTATION, type KubeObject } from '../../operator/api/resources.ts';
import { acceptProfile, ModelProviders } from '../../operator/llm/profiles.ts';

const folder = join(import.meta.dirname, '../../docs/examples');
const examples = readdirSync(folder).map((name) => {
  const objects: KubeObject[] = parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => document.toJS());
  return [name, objects] as const;
});

describe('an example of a profile', () => {
  it.each(examples.filter(([name]) => name.startsWith('profile-')))(
    'makes a model that can be called, at a price: %s',
    (_name, objects) => {
      const providers = new ModelProviders();
      for (const object of objects) {
        if (object.kind !== 'AIProfile') continue;
        const { metadata, spec } = object as AIProfile;
        const secret = objects.find(
          ({ kind, metadata: { name } }) => kind === 'Secret' && name === spec.credentialSecretRef?.name,
        );
        expect(secret === undefined).toBe(spec.credentialSecretRef === undefined);
        if (secret) expect(secret.metadata.labels).toHaveProperty([CREDENTIAL_LABEL]);
        const hosts = secret?.metadata.annotations?.[HOSTS_ANNOTATION]?.split(',');
        const made = providers.providerFor(spec, secret && 'key', { version: metadata.name, credentialHosts: hosts });
        expect(made.pricing).toBeDefined();
        expect(URL.canParse(acceptProfile(spec))).toBe(true);
      }
      providers.close();
    },
  );

  it('is there for every provider', () => {
    const given = examples.flatMap(([, objects]) =>
      objects.flatMap((object) => ('spec' in object ? [(object as AIProfile).spec.provider] : [])),
    );
    for (const provider of ['openai', 'azure', 'gemini', 'ollama', 'anthropic', 'openai-compatible'] as const)
      expect(given).toContain(provider);
  });
});
