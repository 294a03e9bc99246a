/** How a session gets on with a model that does not do as it should, which no sandbox has a part in. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelReply } from '../support/model-server.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { bash, greet, plan } from '../support/scripted-sessions.ts';
import { type RestSession, System } from '../support/system.ts';

const withKubectl = itWithKubectl();

let system: System;
let repository: string;

beforeAll(async () => {
  system = await System.start();
  repository = await system.repository('greeter');
});
afterEach(() => system.clear());
afterAll(() => system[Symbol.asyncDispose]());

const log = ({ logs }: Pick<RestSession, 'logs'>) => logs.join('\n');

async function run(goal: string): Promise<RestSession> {
  return await system.completed(await system.session(goal, repository));
}

describe('a model that answers', () => {
  it('without a tool call is asked to go on, and the session finishes', async () => {
    const goal = system.model.on('Greet after some talk', { work: [{ text: 'I will write a greeting.' }, ...greet] });
    expect(log(await run(goal))).toContain('PROGRAMMER: Answered without using a tool; was asked to go on.');
  });

  it('with nothing at all is asked to go on, and the session finishes', async () => {
    let asked = 0;
    const goal = system.model.on('Greet after silence', {
      work: ({ calls }): ModelReply => (asked++ === 0 ? {} : (greet[Math.min(calls.length, 1)] ?? {})),
    });
    expect(log(await run(goal))).toContain('PROGRAMMER: Answered without using a tool; was asked to go on.');
  });

  it('again and again without a tool pauses the session with a question, and an answer moves it on', async () => {
    let talking = true;
    const goal = system.model.on('Greet after much talk', {
      work: ({ calls }): ModelReply => (talking ? { text: 'Still thinking.' } : (greet[Math.min(calls.length, 1)] ?? {})),
    });
    const id = await system.session(goal, repository);
    const stuck = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
    expect(stuck).toMatchObject({ reason: 'Stuck', message: 'The model keeps answering without using a tool.' });
    expect(stuck.question?.text).toContain('How should it go on?');
    talking = false;
    await system.act(id, 'input', { message: 'Write the file.', answer_to: stuck.question?.id });
    await system.completed(id);
  });

  it('with an unknown tool is told which tools there are', async () => {
    const goal = system.model.on('Greet with a strange tool', { work: [{ calls: [{ name: 'fly', args: {} }] }, ...greet] });
    await run(goal);
    expect(system.model.results(goal)[0]).toMatch(/^There is no tool "fly" for you here\. You have: .*bash/);
  });

  it('with a tool that its role does not have is refused, and nothing happens', async () => {
    const goal = system.model.on('Plan without writing', {
      plan: [{ calls: [{ name: 'write_file', args: { path: 'sneaked.txt', content: 'x' } }] }, plan()],
      work: [bash('ls'), ...greet],
    });
    await run(goal);
    expect(system.model.results(goal, 'plan')[0]).toContain('There is no tool "write_file"');
    expect(system.model.results(goal)[0]).not.toContain('sneaked');
  });

  it('with broken JSON is told where it breaks', async () => {
    const broken: ModelReply = { calls: [{ name: 'bash', args: '{"command": "echo \'never run\' > never.txt", ' }] };
    const goal = system.model.on('Greet with broken JSON', { work: [broken, bash('ls'), ...greet] });
    const done = await run(goal);
    expect(done.status).toBe('COMPLETED');
    const [first, second] = system.model.results(goal);
    expect(first).toMatch(/not valid JSON.*Nothing was done/s);
    expect(second).not.toContain('never.txt');
  });

  it('with a refusal is asked again, and what it said is shown', async () => {
    const goal = system.model.on('Greet after a refusal', { work: [{ refusal: 'I cannot help with that.' }, ...greet] });
    expect(log(await run(goal))).toContain('I cannot help with that.');
  });

  it('with an answer cut by the length limit is told so', async () => {
    const goal = system.model.on('Greet after a long answer', { work: [{ text: 'Once upon a time', stop: 'length' }, ...greet] });
    expect(log(await run(goal))).toContain('The answer was cut off; was asked to go on.');
  });

  it('the same thing for ever is told so, looked at afresh, and paused in the end with a question', async () => {
    const goal = system.model.on('Run in circles', { work: [bash('echo again')] });
    const id = await system.session(goal, repository);
    const stuck = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
    expect(stuck).toMatchObject({ reason: 'Stuck', message: 'The same action keeps giving the same result.' });
    expect(log(stuck)).toContain('PROGRAMMER: Was told that it repeats itself.');
    expect(log(stuck)).toMatch(/PROGRAMMER: Stuck; a fresh look: .*\n {2}Try something else\./);
  });
});

describe('a provider', () => {
  it('that asks to come back later is asked again after that time, and the log says so', async () => {
    const busy: ModelReply = { fault: { status: 429, headers: { 'retry-after': '1' } } };
    const goal = system.model.on('Greet when the crowd has gone', { first: [busy] });
    const began = performance.now();
    const done = await run(goal);
    expect(performance.now() - began).toBeGreaterThan(1_000);
    expect(log(done)).toMatch(/PLANNER: The model gave no answer \(transient\): .*; trying again at \d\d:\d\d:\d\d UTC/);
    expect(system.model.requests(goal)).toHaveLength(5);
  });

  it.each<[string, ModelReply['fault']]>([
    ['answers 500', { status: 500 }],
    ['cuts the answer off', 'drop-mid-stream'],
    ['sends broken JSON', 'truncated-json'],
    ['fails in the middle of the stream', { event: { code: 'server_error', message: 'The server had an error.' } }],
  ])('that %s is asked again', async (_what, fault) => {
    const goal = system.model.on(`Greet although it ${_what}`, { first: fault === undefined ? [] : [{ fault }] });
    const done = await run(goal);
    expect(log(done)).toContain('The model gave no answer (transient)');
    expect(done.status).toBe('COMPLETED');
  });

  withKubectl('whose quota is used up pauses the session with the reason, and resume goes on', async () => {
    const message = 'You exceeded your current quota, please check your plan and billing details.';
    const quota: ModelReply = {
      fault: { status: 429, body: { error: { message, type: 'insufficient_quota', code: 'insufficient_quota' } } },
    };
    const goal = system.model.on('Greet when it is paid for', { first: [quota] });
    const id = await system.session(goal, repository);
    const paused = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
    expect(paused.reason).toBe('ProviderQuota');
    expect(paused.message).toContain('exceeded your current quota');
    await system.described(id, /Warning +Paused .*ProviderQuota/);
    await system.act(id, 'resume');
    await system.completed(id);
  });

  it('that refuses the key pauses the session, never shows the key, and resume goes on', async () => {
    const error = {
      message: 'Incorrect API key provided: scripted-stand-in.',
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    };
    const goal = system.model.on('Greet with the right key', { first: [{ fault: { status: 401, body: { error } } }] });
    const id = await system.session(goal, repository);
    const paused = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
    expect(paused.reason).toBe('ProviderAccess');
    expect(paused.message).toContain('env-openai-compatible');
    expect(JSON.stringify(paused)).not.toContain('scripted-stand-in.');
    await system.act(id, 'resume');
    await system.completed(id);
  });
});
