/**
 * What becomes of sessions whose profile, key or model is not as it should be, and what a profile's choice and price mean. No
 * sandbox has a part in it.
 */
import { userInfo } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { profileManifest, profileObjects } from '../support/profile-manifest.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { bash, finish, Gate, plan, write } from '../support/scripted-sessions.ts';
import { System } from '../support/system.ts';

const it = itWithKubectl();

let system: System;
let repository: string;

beforeAll(async () => {
  system = await System.start({
    env: { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, MODEL_NAME: undefined },
    model: {
      probe: ({ model }) =>
        model === 'talker' ? { text: 'I only talk.' } : { calls: [{ name: 'confirm_connection', args: { ok: true } }] },
    },
  });
  repository = await system.repository('greeter');
});
afterAll(() => system[Symbol.asyncDispose]());
afterEach(async () => {
  await system.clear();
  await kubectl(['delete', 'aip,secret', '--all']);
});

async function kubectl(args: string[], input?: string): Promise<string> {
  const { code, out, err } = await system.kubectl(args, input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
  return out;
}

async function apply(name: string, spec: object): Promise<void> {
  await kubectl(['apply', '-f', '-'], profileManifest(name, system.modelUrl, spec));
}

const reason = (name: string, value: string) =>
  kubectl(['wait', `aip/${name}`, `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=${value}`, '--timeout=150s']);

describe('a session at work', () => {
  it('waits while the Secret or the profile that it needs is gone, says so, and goes on by itself with nothing lost', async () => {
    await apply('mine', { model: 'scripted', default: true });
    const gates = [new Gate(), new Gate()];
    const turns = [
      bash('echo one >>runs'),
      bash('echo two >>runs'),
      write('greeting.txt', 'hello\n'),
      bash('cat runs'),
      finish(),
    ];
    const goal = system.model.on('Greet although the key goes away', {
      work: async ({ turn }) => {
        await gates[turn]?.pass();
        return turns[turn] ?? {};
      },
    });
    const id = await system.session(goal, repository);
    const [secret, profile] = profileObjects('mine', system.modelUrl, { model: 'scripted', default: true });
    const cases = [
      ['SecretNotFound', 'secret', secret],
      ['NoProfile', 'aip', profile],
    ] as const;
    for (const [index, [missing, kind, object]] of cases.entries()) {
      await gates[index]?.reached();
      const asked = system.model.requests(goal).length;
      await kubectl(['delete', kind, 'mine']);
      const resolved = await system.until(id, `the condition for ${missing}`, ({ conditions }) =>
        conditions.some((one) => one.type === 'ProfileResolved' && one.reason === missing),
      );
      expect(resolved.phase).toBe('Programming');
      gates[index]?.open();
      const waiting = await system.until(id, `waiting for ${missing}`, (session) => session.reason === missing);
      expect(waiting.status).toBe('RUNNING');
      expect(waiting.logs.join('\n')).toContain(`Warning: Waiting for a model (${missing}): `);
      await system.described(id, new RegExp(`Warning +${missing} `));
      expect(system.model.requests(goal)).toHaveLength(asked);
      await kubectl(['apply', '-f', '-'], JSON.stringify(object));
    }
    const done = await system.completed(id);
    expect(done.result.verified).toBe(true);
    expect(system.model.results(goal).join('\n')).toContain('one\ntwo');
    expect(done.logs.filter((line) => line.includes('Waiting for a model'))).toHaveLength(2);
  });

  it('does not begin with a model that calls no tools, and says so, until there is one that does', async () => {
    await apply('mine', { model: 'talker', default: true });
    await reason('mine', 'NoToolCalling');
    const goal = system.model.on('Greet with tools');
    const id = await system.session(goal, repository);
    const waiting = await system.until(id, 'the reason', (session) => session.reason === 'NoToolCalling');
    expect(waiting).toMatchObject({ status: 'QUEUED', message: expect.stringContaining('talker answers, but called no tool') });
    expect(waiting.conditions).toContainEqual(
      expect.objectContaining({ type: 'ProfileResolved', status: 'False', reason: 'NoToolCalling' }),
    );
    expect(await kubectl(['get', 'aip'])).toMatch(/mine +openai-compatible +talker +true +False +NoToolCalling/);
    await kubectl(['patch', 'aip', 'mine', '--type=merge', '-p', '{"spec":{"model":"worker"}}']);
    await system.completed(id);
  });
});

describe('a profile', () => {
  it('is tried again when that is asked for by its annotation, and by a restart only when it is due', async () => {
    await apply('mine', { model: 'scripted', default: true });
    await reason('mine', 'Answered');
    const before = system.probes.length;
    await kubectl(['annotate', 'aip', 'mine', 'sweagent.dev/probe-requested=now']);
    await eventually('another try', () => system.probes.length === before + 1);
    await eventually('its end', async () => {
      const { probe, lastProbeTime } = JSON.parse(await kubectl(['get', 'aip', 'mine', '-o', 'json'])).status;
      return probe.requested === 'now' && lastProbeTime >= probe.startTime;
    });
    await system.stop();
    await system.start();
    // Whoever has looked at a later profile has looked at this one.
    await apply('later', { model: 'later' });
    await reason('later', 'Answered');
    expect(system.probes.map(({ model }) => model).slice(before)).toEqual(['scripted', 'later']);
  });

  it('that is the default beside another says which of them is used', async () => {
    await apply('one', { model: 'one', default: true });
    await apply('two', { model: 'two', default: true });
    const told = async (name: string) => {
      const { status, metadata } = JSON.parse(await kubectl(['get', 'aip', name, '-o', 'json']));
      const condition = status?.conditions?.find(({ type }: { type: string }) => type === 'DefaultProfile');
      return { at: metadata.creationTimestamp as string, reason: condition?.reason as string | undefined };
    };
    const [one, two] = await eventually('both to say so', async () => {
      const both = [await told('one'), await told('two')] as const;
      const reasons = both.map((each) => each.reason).toSorted();
      return reasons.join() === 'OtherDefault,SeveralDefaults' ? both : undefined;
    });
    // The newest, and of two from the same second the first by name.
    const used = one.at === two.at ? 'one' : 'two';
    expect((used === 'one' ? one : two).reason).toBe('SeveralDefaults');
    const goal = system.model.on('Greet by one of two defaults');
    await system.completed(await system.session(goal, repository));
    expect(new Set(system.model.requests(goal).map(({ model }) => model))).toEqual(new Set([used]));
  });

  it('that is assigned to a user is that of sessions which the user makes with kubectl, naming no author', async () => {
    await apply('standard', { model: 'standard', default: true });
    await apply('personal', { model: 'personal', users: [userInfo().username] });
    await system.profilesChecked();
    const goal = system.model.on('Greet for whoever uses kubectl');
    const session = {
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name: 'by-kubectl' },
      spec: { goal, repository: { url: repository } },
    };
    await kubectl(['apply', '-f', '-'], JSON.stringify(session));
    await system.completed('by-kubectl');
    expect(new Set(system.model.requests(goal).map(({ model }) => model))).toEqual(new Set(['personal']));
  });
});

describe('the roles of a session', () => {
  it('each use the model that is named for them, each call at its own price', async () => {
    const prices = { planner: 100, programmer: 10, reviewer: 1 };
    for (const [role, inputPerMillion] of Object.entries(prices))
      await apply(role, { model: `${role}-model`, pricing: { inputPerMillion, outputPerMillion: 0 } });
    await apply('standard', { model: 'standard', default: true });
    await system.profilesChecked();
    const usage = { input: 10_000, output: 10 };
    const review = { calls: [{ name: 'submit_review', args: { verdict: 'approve', findings: [], summary: 'Good.' } }], usage };
    const goal = system.model.on('Greet with three models', {
      plan: [{ ...plan(), usage }],
      work: [write('greeting.txt', 'hello\n'), finish()].map((reply) => ({ ...reply, usage })),
      review: [review],
    });
    const roles = { planner: 'planner', programmer: 'programmer', reviewer: 'reviewer' };
    const id = await system.session(goal, repository, { role_profiles: roles });
    const done = await system.completed(id);
    expect(system.model.requests(goal).map(({ model }) => model)).toEqual([
      'planner-model',
      'programmer-model',
      'programmer-model',
      'reviewer-model',
    ]);
    const resolved = done.conditions.find(({ type }) => type === 'ProfileResolved');
    for (const role of Object.keys(prices)) expect(resolved?.message).toContain(`${role}: AIProfile ${role} `);
    const { body } = await system.request<{ usage: object }>('GET', `/agent/sessions/${id}`);
    // 10,000 tokens at $100, twice at $10, and once at $1 a million.
    expect(body.usage).toEqual({ input_tokens: 40_000, output_tokens: 40, cost_usd: 1.21, unpriced_calls: 0 });
    const { items } = (
      await system.request<{ items: { type: string; profile?: string; costUSD?: number }[] }>(
        'GET',
        `/agent/sessions/${id}/events?format=json`,
      )
    ).body;
    const costs: Record<string, number> = {};
    let profile = '';
    for (const event of items) {
      if (event.type === 'model.requested') profile = event.profile ?? '';
      if (event.type === 'model.answered') costs[profile] = (costs[profile] ?? 0) + (event.costUSD ?? 0);
    }
    expect(costs).toEqual({ planner: 1, programmer: expect.closeTo(0.2), reviewer: expect.closeTo(0.01) });
  });
});

describe('a model whose price nobody knows', () => {
  it('has no cost rather than none, and whoever sets a budget is told that it cannot be kept', async () => {
    await apply('mine', { model: 'stranger', default: true });
    const goal = system.model.on('Greet at any price');
    const id = await system.session(goal, repository, { limits: { max_cost_usd: 5 } });
    const done = await system.completed(id);
    const told = done.logs.filter((line) => line.startsWith('Warning: What stranger costs is not known'));
    expect(told).toEqual([
      expect.stringContaining('spec.limits.maxCostUSD (5) does not limit this session: set spec.pricing of'),
    ]);
    const { body } = await system.request<{ usage: object }>('GET', `/agent/sessions/${id}`);
    expect(body.usage).toMatchObject({ cost_usd: null, unpriced_calls: 4 });
    const { usage } = JSON.parse(await kubectl(['get', 'ags', id, '-o', 'json'])).status;
    expect(usage).toMatchObject({ unpricedCalls: 4 });
    expect(usage).not.toHaveProperty('costUSD');
    expect(await kubectl(['describe', 'aip', 'mine'])).toContain('What stranger costs is not known: set spec.pricing');
  });
});
