import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import type { Fault } from '../support/model-server/reply.ts';
import { PROFILE_KEY, profileManifest } from '../support/profile-manifest.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { bash, finish, Gate, plan, write } from '../support/scripted-sessions.ts';
import { System } from '../support/system.ts';

const it = itWithKubectl();

let system: System;

beforeEach(async () => {
  system = await System.start({ env: { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, MODEL_NAME: undefined } });
});
afterEach(() => system[Symbol.asyncDispose]());

const profile = (name: string, spec: object) => profileManifest(name, system.modelUrl, spec);

describe('without a model', () => {
  it('everything starts and says what to do, and a session waits with a plain reason until a profile appears', async () => {
    expect(system.output).toMatch(
      /No model is configured: make an AI profile on http\S+\/settings\/profiles, or set OPENAI_API_KEY/,
    );
    const goal = system.model.on('Greet when there is a model');
    const id = await system.session(goal, await system.repository('greeter'));
    const waiting = await system.until(id, 'the reason', ({ reason }) => reason !== null);
    expect(waiting).toMatchObject({ status: 'QUEUED', reason: 'NoProfile', result: null });
    expect(waiting.message).toMatch(/^No AIProfile in namespace default is assigned to .* or is the default\. Create one/);
    expect(waiting.conditions).toContainEqual(
      expect.objectContaining({ type: 'ProfileResolved', status: 'False', reason: 'NoProfile' }),
    );
    const row = (await system.kubectl(['get', 'ags', id, '--no-headers'])).out;
    expect(row).toMatch(/Queued +NoProfile/);
    await system.described(id, /Warning +NoProfile/);

    const applied = await system.kubectl(['apply', '-f', '-'], { input: profile('mine', { model: 'scripted', default: true }) });
    expect(applied).toMatchObject({ code: 0, err: '' });
    const done = await system.completed(id);
    expect(done.result.verified).toBe(true);
    expect(system.model.requests(goal)[0]?.headers.authorization).toBe(`Bearer ${PROFILE_KEY}`);
    const answers = /mine +openai-compatible +scripted +true +True/;
    await eventually('the profile to be ready', async () => answers.test((await system.kubectl(['get', 'aip'])).out));

    await system.stop();
    await system.start();
    await eventually('the whole welcome', () => system.output.includes('A first session:'));
    expect(system.output).not.toContain('No model is configured');
    expect((await system.kubectl(['get', 'aip'])).out).toMatch(answers);
  });

  it('a profile whose Secret is missing or unlabelled is not used, and the session says why', async () => {
    const list: { items: { metadata: { labels?: object } }[] } = JSON.parse(
      profile('mine', { model: 'scripted', default: true }),
    );
    const [secret, aiprofile] = list.items;
    await system.kubectl(['apply', '-f', '-'], { input: JSON.stringify(aiprofile) });
    const goal = system.model.on('Greet when the Secret is right');
    const id = await system.session(goal, await system.repository('greeter'));
    const missing = await system.until(id, 'the reason', ({ reason }) => reason === 'SecretNotFound');
    expect(missing.message).toContain('Secret mine');
    await system.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ ...secret, metadata: { ...secret?.metadata, labels: {} } }),
    });
    const labelled = await system.kubectl(['label', 'secret', 'mine', 'sweagent.dev/credential=model']);
    expect(labelled.code).toBe(0);
    await system.completed(id);
  });
});

describe('a list of objects in one manifest', () => {
  it('is checked as strictly as a single object is', async () => {
    const applied = await system.kubectl(['apply', '-f', '-'], { input: profile('mine', { model: 'scripted', modell: 'x' }) });
    expect(applied).toMatchObject({ code: 1, err: expect.stringContaining('unknown field "spec.modell"') });
  });
});

describe('the profile of a session', () => {
  it('is the one assigned to its author before the default, and the one it names before both', async () => {
    for (const [name, spec] of Object.entries({
      standard: { model: 'standard-model', default: true },
      personal: { model: 'personal-model', users: [userInfo().username] },
      named: { model: 'named-model' },
    }))
      expect((await system.kubectl(['apply', '-f', '-'], { input: profile(name, spec) })).code).toBe(0);
    await system.profilesChecked();
    const repository = await system.repository('greeter');
    const models = async (goal: string, more: object = {}) => {
      system.model.on(goal);
      await system.completed(await system.session(goal, repository, { ...more }));
      return [...new Set(system.model.requests(goal).map(({ model }) => model))];
    };
    expect(await models('Greet by my own profile')).toEqual(['personal-model']);
    expect(await models('Greet by a named profile', { profile: 'named' })).toEqual(['named-model']);
    expect(await models('Greet by several', { role_profiles: { reviewer: 'standard' } })).toEqual([
      'personal-model',
      'standard-model',
    ]);
    await system.kubectl(['delete', 'aip', 'personal']);
    // Whoever has seen a later profile has seen the deletion.
    await system.kubectl(['apply', '-f', '-'], { input: profile('later', { model: 'later-model' }) });
    await system.profilesChecked();
    expect(await models('Greet by the default profile')).toEqual(['standard-model']);
  });

  it.each<[why: string, cls: string, fault: Fault]>([
    ['its account is used up', 'quota', { status: 429, error: { message: 'Used up.', code: 'insufficient_quota' } }],
    ['it stays away for longer than is waited', 'transient', { status: 503, headers: { 'retry-after': '7200' } }],
  ])('gives way to its fallback while %s, and is asked first again by the next role', async (why, cls, fault) => {
    await system.kubectl(['apply', '-f', '-'], {
      input: profile('first', { model: 'first-model', default: true, fallbackRef: { name: 'second' } }),
    });
    await system.kubectl(['apply', '-f', '-'], { input: profile('second', { model: 'second-model' }) });
    await system.profilesChecked();
    const goal = system.model.on(`Greet although ${why}`, { first: [{ fault }] });
    const done = await system.completed(await system.session(goal, await system.repository('greeter')));
    expect(done.logs.join('\n')).toContain(`(${cls})`);
    expect(done.logs).toContain('PLANNER: Going on with AIProfile second (second-model) in the place of first.');
    await system.described(done.id, /Warning +FallbackUsed .*AIProfile second \(second-model\) takes the place of first: /);
    // Each role begins with the first one again.
    expect(system.model.requests(goal).map(({ model }) => model)).toEqual([
      'first-model',
      'second-model',
      'first-model',
      'first-model',
      'first-model',
    ]);
  });
});

describe("a profile of OpenAI's own API", () => {
  it('has nothing stored there, takes its thoughts along over a crash, and is charged for what was not cached', async () => {
    const pricing = { inputPerMillion: 10, cachedInputPerMillion: 1, outputPerMillion: 100 };
    const spec = { provider: 'openai', model: 'thinker', default: true, parameters: { api: 'responses' }, pricing };
    expect((await system.kubectl(['apply', '-f', '-'], { input: profile('thinker', spec) })).code).toBe(0);
    const usage = { input: 1_000, cached: 400, output: 100, reasoning: 50 };
    const second = new Gate();
    const turns = [bash('echo one'), write('greeting.txt', 'hello\n'), finish()];
    const goal = system.model.on('Greet after long thought', {
      plan: () => ({ ...plan(), usage }),
      work: async ({ turn }) => {
        if (turn === 1) await second.pass();
        return { ...turns[turn], reasoning: `thought number ${turn}`, usage };
      },
      review: () => ({ calls: [{ name: 'submit_review', args: { verdict: 'approve', findings: [], summary: 'Good.' } }], usage }),
    });
    const id = await system.session(goal, await system.repository('greeter'));
    await second.reached();
    await system.kill();
    second.open();
    await system.start();
    await system.completed(id);

    const requests = system.model.requests(goal);
    expect(new Set(requests.map(({ api }) => api))).toEqual(new Set(['responses']));
    for (const { body } of requests)
      expect(body).toMatchObject({ store: false, stream: true, include: ['reasoning.encrypted_content'] });
    const work = requests.filter(({ tools }) => tools.includes('finish'));
    // The second turn was asked for twice: the crash took its answer.
    expect(work.map(({ turn, reasoning }) => [turn, reasoning.length])).toEqual([
      [0, 0],
      [1, 1],
      [1, 1],
      [2, 2],
    ]);
    const secret = String(work.at(-1)?.reasoning[0]?.encrypted_content);
    expect(secret.length).toBeGreaterThan(10);
    const view = await system.request<{ usage: object }>('GET', `/agent/sessions/${id}`);
    // A plan, three turns and a review; the call without an answer counts for nothing.
    expect(view.body.usage).toEqual({ input_tokens: 5_000, output_tokens: 500, cost_usd: 0.082, unpriced_calls: 0 });
    expect(view.text).not.toContain(secret);
    expect((await system.kubectl(['get', 'ags', id, '-o', 'yaml'])).out).not.toContain(secret);
  });
});
