import { describe, expect, it } from '@jest/globals';
import { ControllersSuite, conditionOf, fastClock } from '../../test/support/controllers.ts';
import { eventually, patience } from '../../test/support/eventually.ts';
import { type AIProfile, CREDENTIAL_LABEL, RESOURCES, type Secret } from '../api/resources.ts';
import { type ModelAnswer, ModelError } from '../llm/provider.ts';
import { ModelFindings, versionOf } from './model-findings.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, createSecret, get, inPhase, saidOf } = suite;

describe('a profile', () => {
  const profile = (name: string) => suite.client.get<AIProfile>(RESOURCES.profiles, suite.namespace, name);
  const credentials = (name: string, reason: string) =>
    eventually(`${name}: ${reason}`, async () => conditionOf(await profile(name), 'CredentialsResolved')?.reason === reason);
  const openai = { provider: 'openai' as const, credentialSecretRef: { name: 'key' } };

  it('is followed as its Secret appears, gets its label and goes, and so is the session that waits for it', async () => {
    await startOperator({ clock: fastClock });
    await createProfile('main', openai);
    await createSession('s');
    await credentials('main', 'SecretNotFound');
    await eventually('the reason', async () => conditionOf(await get('s'), 'ProfileResolved')?.reason === 'SecretNotFound');
    await createSecret('key', {});
    await credentials('main', 'SecretNotLabelled');
    await suite.client.mergePatch(RESOURCES.secrets, suite.namespace, 'key', {
      metadata: { labels: { [CREDENTIAL_LABEL]: 'true' } },
    });
    await credentials('main', 'SecretFound');
    await inPhase('s', 'Provisioning');
    for (const [label, reason] of [
      ['git', 'SecretNotLabelled'],
      ['model', 'SecretFound'],
    ] as const) {
      await suite.client.mergePatch(RESOURCES.secrets, suite.namespace, 'key', {
        metadata: { labels: { [CREDENTIAL_LABEL]: label } },
      });
      await credentials('main', reason);
    }
    expect(conditionOf(await profile('main'), 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NotProbed' });
    await suite.client.delete(RESOURCES.secrets, suite.namespace, 'key');
    await credentials('main', 'SecretNotFound');
  });

  it('is ready when a call of a session was answered, and says so when its key is refused, until the key is changed', async () => {
    const findings = new ModelFindings(Date.now);
    const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 };
    const answer: ModelAnswer = {
      text: '',
      calls: [{ id: '1', name: 'bash', arguments: '{}' }],
      stop: 'calls',
      usage,
      model: 'm',
    };
    const call = async (outcome: ModelAnswer | ModelError = answer) => {
      const provider = { call: async () => (outcome instanceof ModelError ? Promise.reject(outcome) : outcome) };
      const secret = await suite.client.get<Secret>(RESOURCES.secrets, suite.namespace, 'key');
      const watched = findings.watched(`${suite.namespace}/main`, versionOf(await profile('main'), secret), provider);
      const request = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' as const };
      await watched.call(request, { signal: patience() }).catch(() => undefined);
    };
    const ready = (expected: string) =>
      eventually(expected, async () => {
        const condition = conditionOf(await profile('main'), 'Ready');
        return `${condition?.status} ${condition?.reason}` === expected;
      });
    await createSecret('key', { [CREDENTIAL_LABEL]: 'true' });
    await createProfile('main', openai);
    await startOperator({ findings });
    await ready('Unknown NotProbed');
    await call();
    await ready('True Answered');
    const { status, metadata } = await profile('main');
    expect(status?.toolCalling).toBe(true);
    await call();
    await call(new ModelError('transient', 'busy'));
    // Another profile's turn comes after those of this one.
    await createProfile('next', { ...openai, default: false });
    await credentials('next', 'SecretFound');
    expect((await profile('main')).metadata.resourceVersion).toBe(metadata.resourceVersion);
    await eventually('the refusal to be told', async () => {
      await call(new ModelError('access', 'the key was refused'));
      return conditionOf(await profile('main'), 'Ready')?.message === 'the key was refused';
    });
    await eventually('the event', async () => (await saidOf('main')).includes('ProviderAccess'));
    await suite.client.mergePatch(RESOURCES.secrets, suite.namespace, 'key', { stringData: { apiKey: 'another' } });
    await ready('Unknown NotProbed');
  });

  it('with an address that is none is refused, and says so also at the session', async () => {
    await createSecret('key', { [CREDENTIAL_LABEL]: 'true' });
    await createProfile('main', { ...openai, baseUrl: 'http://[' });
    await startOperator();
    await createSession('s');
    const queued = await inPhase('s', 'Queued');
    await eventually('the reason', async () => conditionOf(await get('s'), 'ProfileResolved')?.reason === 'InvalidBaseUrl');
    expect(queued.status?.phase).toBe('Queued');
    expect(conditionOf(await profile('main'), 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidBaseUrl' });
    await eventually('the event', async () => (await saidOf('main')).includes('InvalidBaseUrl'));
  });
});
