import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWithRedis, itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, CHECK, greet } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

describeWithRedis().each(SANDBOX_KINDS)('one machine with REDIS_URL in .env, and commands in $name,', (kind) => {
  let redis: RedisServer;
  let housed: Housed;
  let system: System;
  let repository: string;
  let afterwards: AsyncDisposableStack;
  beforeEach(async () => {
    afterwards = new AsyncDisposableStack();
    redis = afterwards.use(await RedisServer.start({ requirepass: 'pass-word-1' }));
  });
  // Each is undone whatever becomes of the others, the last one first.
  afterEach(() => afterwards.disposeAsync());

  async function start(): Promise<void> {
    const envFile = `REDIS_URL=${redis.url({ credentials: ':pass-word-1', database: 1 })} # the log\nBLOB_STORE=redis\n`;
    housed = afterwards.adopt(await kind.start({ envFile }), (one) => one.close());
    ({ system } = housed);
    afterwards.defer(() => redis.line.pass());
    repository = await system.repository('greeter');
  }

  /** Keys of the installation. */
  async function keys(): Promise<string[]> {
    await redis.admin.select(1);
    return redis.admin.keys('*');
  }

  /** A session with a command that counts its runs, and goes on until the test lets it end. */
  async function counting(goal: string): Promise<{ id: string; runs: () => number; release: () => void }> {
    const work = [bash('echo run >> $HOME/runs; until [ -e $HOME/go ]; do sleep 0.05; done; echo counted'), ...greet];
    const id = await system.session(system.model.on(goal, { work }), repository);
    const home = (file: string) => housed.inside(id, 'home', file);
    const runs = () => (existsSync(home('runs')) ? readFileSync(home('runs'), 'utf8').trim().split('\n').length : 0);
    await eventually('the command', () => runs() === 1);
    const release = () => writeFileSync(home('go'), '');
    // Also a test that fails before it lets the command end leaves none behind.
    afterwards.defer(release);
    return { id, runs, release };
  }

  async function expectGreeting(id: string): Promise<void> {
    const { result } = await system.completed(id);
    expect(result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exit_code: 0 }] });
  }

  it('serves while Redis is not reached, and sessions wait, say why and go on by themselves', async () => {
    redis.line.refuse();
    await start();
    const id = await system.session(system.model.on('Greet from Redis'), repository);
    const waiting = await system.until(id, 'the reason', ({ reason }) => reason === 'LogUnavailable');
    expect(waiting.message).toMatch(/the event log in Redis at 127\.0\.0\.1:\d+: it cannot be reached/);
    const away = await system.request<{ checks: unknown }>('GET', '/readyz');
    expect(away).toMatchObject({ status: 503, body: { checks: { kubernetes: 'ok', log: 'unreachable' } } });

    redis.line.pass();
    await expectGreeting(id);
    expect((await system.request('GET', `/agent/sessions/${id}/diff`)).text).toContain('+hello');
    expect((await system.request('GET', '/metrics')).text).toMatch(/^swe_agent_event_log_risks 0$/m);
    const kinds = (await keys()).map((key) => key.replace(/\{[^}]*\}/, '{}')).sort();
    expect(kinds).toEqual(['swe-agent:{}:blobs', 'swe-agent:{}:claim', 'swe-agent:{}:events']);
    expect(existsSync(system.path('state/events.db'))).toBe(false);
    expect(system.output).not.toContain('pass-word-1');

    await system.clear();
    expect(await keys()).toEqual([]);
  });

  if (kind.first)
    withKubectl('takes a session from kubectl while Redis is not reached, tells it why, and runs it afterwards', async () => {
      redis.line.refuse();
      await start();
      const session = {
        apiVersion: 'sweagent.dev/v1alpha1',
        kind: 'AgentSession',
        metadata: { name: 'greet' },
        spec: { goal: system.model.on('Greet who applied this'), repository: { url: repository } },
      };
      expect((await system.kubectl(['apply', '-f', '-'], { input: JSON.stringify(session) })).code).toBe(0);
      const why = '-o=jsonpath={.status.conditions[?(@.type=="Progressing")].reason}';
      const told = async () => (await system.kubectl(['get', 'ags', 'greet', why])).out === 'LogUnavailable';
      await eventually('the reason', told);
      redis.line.pass();
      const ended = await system.kubectl(['wait', '--for=condition=Finished', 'ags/greet', '--timeout=150s']);
      expect(ended.out).toBe('agentsession.sweagent.dev/greet condition met\n');
      await expectGreeting('greet');
    });

  it('goes on after a partition in the middle of a command, which runs once though the claim has ended', async () => {
    await start();
    const { id, runs, release } = await counting('Greet through a partition');
    redis.line.hold();
    release();
    await system.until(id, 'the reason', ({ reason }) => reason === 'LogUnavailable');
    const claim = (await keys()).find((key) => key.endsWith(':claim')) ?? '';
    await eventually('the end of the claim', async () => {
      const [expires, [seconds]] = [await redis.admin.hget(claim, 'expires'), await redis.admin.time()];
      return Number(expires) > 0 && Number(expires) < 1_000 * Number(seconds);
    });
    expect((await system.view(id)).reason).toBe('LogUnavailable');
    redis.line.pass();
    await expectGreeting(id);
    expect(runs()).toBe(1);
  });

  it('goes on after kill -9 of Redis and of itself in the middle of a command, which runs once', async () => {
    await start();
    const { id, runs, release } = await counting('Greet after two deaths');
    await redis.kill();
    await system.kill();
    release();
    await redis.restart();
    await system.start();
    await expectGreeting(id);
    expect(runs()).toBe(1);
  });

  withKubectl('reports a log that lost acknowledged writes, and does not go on with it', async () => {
    await start();
    const { id, runs, release } = await counting('Greet in spite of a lying disk');
    const mirrored = await eventually('the status', async () => {
      const { out } = await system.kubectl(['get', 'ags', id, '-o', 'jsonpath={.status.log.lastSeq}']);
      return Number(out) > 5 && Number(out);
    });
    await system.kill();
    await redis.kill();
    redis.keepTransactions(1);
    await redis.restart();
    const events = (await keys()).find((key) => key.endsWith(':events')) ?? '';
    const left = await redis.admin.llen(events);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(mirrored);
    await system.start();
    const { message } = await system.until(id, 'the report', ({ reason }) => reason === 'LogDamaged');
    expect(message).toMatch(/ends at \d+ but status.log says that \d+ events were written: acknowledged writes were lost/);
    release();
    expect(await redis.admin.llen(events)).toBe(left);
    expect(runs()).toBe(1);
  });
});
