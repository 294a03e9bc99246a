import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { CREDENTIAL_LABEL } from '../../operator/api/resources.ts';
import { validateAgentSession, validateAIProfile } from '../../operator/api/validators.gen.js';
import { type TestApi, testApi } from '../../test/support/embedded-api.ts';

const folder = join(import.meta.dirname, '../../docs/examples');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const collections: Record<string, string> = {
  AgentSession: '/apis/sweagent.dev/v1alpha1/namespaces/default/agentsessions',
  AIProfile: '/apis/sweagent.dev/v1alpha1/namespaces/default/aiprofiles',
  Secret: '/api/v1/namespaces/default/secrets',
};

let api: TestApi;
beforeAll(async () => {
  api = await testApi();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const read = (file: string) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS());

describe('the example', () => {
  it.each(files)('%s is accepted as it stands, with no field unknown', async (file) => {
    for (const object of read(file)) {
      const answer = await api.send('POST', `${collections[object.kind]}?fieldValidation=Strict`, object);
      expect([answer.code, answer.body.message]).toEqual([201, undefined]);
    }
  });

  it.each(files)('%s passes the generated validators', (file) => {
    const validators: Record<string, (object: unknown) => boolean> = {
      AgentSession: validateAgentSession,
      AIProfile: validateAIProfile,
    };
    for (const object of read(file)) expect(validators[object.kind]?.(object) ?? object.kind === 'Secret').toBe(true);
  });

  it.each(files)('%s refers only to credentials that would be read', (file) => {
    const objects = read(file);
    const secrets = objects.filter(({ kind }) => kind === 'Secret');
    for (const { spec } of objects) {
      const name = (spec?.credentialSecretRef ?? spec?.repository?.credentialsSecretRef)?.name;
      if (name === undefined) continue;
      const secret = secrets.find(({ metadata }) => metadata.name === name);
      expect(secret.metadata.labels).toHaveProperty([CREDENTIAL_LABEL]);
    }
  });

  it('of each kind of sandbox, mode and credential is there', () => {
    const specs = files.flatMap(read).map(({ spec }) => spec ?? {});
    expect(specs.some((spec) => spec.mode === 'review')).toBe(true);
    for (const type of ['pod', 'daytona']) expect(specs.some((spec) => spec.sandbox?.type === type)).toBe(true);
    for (const provider of ['openai', 'openai-compatible']) expect(specs.some((spec) => spec.provider === provider)).toBe(true);
  });
});
