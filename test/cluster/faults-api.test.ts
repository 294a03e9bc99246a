/** Sessions on a real cluster whose API server is away for a minute, or has another time than the operator. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventually, patience } from '../support/eventually.ts';
import { Line } from '../support/redis-line.ts';
import { bash, finish, type Turns, write } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';
import { type SessionView, SessionViews } from './session-view.ts';

const LONG_MS = 5 * SESSION_MS;
const AWAY_MS = 60_000;
const SKEW_MS = 300_000;
const MOST_WRITES = 25;

describeOnCluster('a session', (cluster) => {
  let installation: Installation;
  let views: SessionViews;
  let running: SystemProcess[] = [];

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    views = await SessionViews.open(installation);
  }, LONG_MS);
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  }, LONG_MS);
  afterAll(async () => {
    await views?.[Symbol.asyncDispose]();
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  async function start(name: string, changes: Record<string, string> = {}): Promise<SystemProcess> {
    const one = await installation.operator(name, changes);
    running.push(one);
    return one;
  }
  const goal = (name: string) => `Outlast what happens to ${name}`;
  async function begin(name: string, work: Turns, spec: Record<string, unknown> = {}): Promise<SessionView> {
    const { url } = await installation.repository(name);
    await installation.session(name, installation.model.on(goal(name), { work }), url, spec);
    return views.of(name);
  }
  const ended: readonly ReturnType<typeof write>[] = [write('greeting.txt', 'hello\n'), finish()];
  async function completed(session: SessionView): Promise<void> {
    await installation.finished(session.name, LONG_MS / 2);
    expect(await session.phase()).toBe('Completed');
  }
  const writesOf = async (operator: SystemProcess): Promise<{ writes: number; all: string[] }> => {
    const { probes } = await operator.logs('the operator is up');
    const metrics = await (await fetch(`${probes}/metrics`, { signal: patience() })).text();
    const all = metrics
      .split('\n')
      .filter((line) => /^swe_agent_kubernetes_requests_total\{verb="(create|patch|update|delete)/.test(line));
    return { writes: all.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0), all };
  };

  it(
    'of fifty steps costs the API server no more than 25 writes',
    async () => {
      const operator = await start('counted');
      const before = await writesOf(operator);
      const session = await begin('counted', ({ turn }) =>
        turn < 50 ? bash(`echo ${turn} >>$HOME/runs`) : (ended[turn - 50] ?? {}),
      );
      await completed(session);
      const after = await writesOf(operator);
      console.info(`${after.writes - before.writes} writes for a session of 50 steps\n${after.all.join('\n')}`);
      expect(after.writes - before.writes).toBeLessThanOrEqual(MOST_WRITES);
      expect((await session.inPod('cat /workspace/home/runs')).trimEnd().split('\n')).toHaveLength(50);
      await installation.must('delete', 'agentsession', 'counted');
    },
    LONG_MS,
  );

  it(
    'whose operator cannot reach the API server for a minute goes on with its command, which ran once and is whole',
    async () => {
      const config = readFileSync(cluster.kubeconfig, 'utf8');
      const [server = '', host = '', port = ''] = /https:\/\/([^:/"\s]+):(\d+)/.exec(config) ?? [];
      const line = new Line(() => connect(Number(port), host));
      await line.listen();
      try {
        const through = join(installation.folder, 'through-the-line');
        writeFileSync(through, config.replaceAll(server, `https://127.0.0.1:${line.port}`), { mode: 0o600 });
        const operator = await start('cut-off', { KUBECONFIG: through });
        const counting =
          'echo run >>$HOME/runs; n=0; until [ -e $HOME/go ]; do n=$((n+1)); echo $n; sleep 0.2; done; echo end; exit 7';
        const [counts, ends] = [
          await begin('counts', [bash(counting), ...ended]),
          await begin('ends', [
            bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo late; exit 8'),
            ...ended,
          ]),
        ];
        for (const session of [counts, ends]) await session.home('runs', 'run\n');
        const away = Date.now();
        line.refuse();
        // One of the two comes to its end while nobody sees it.
        await ends.inPod('touch /workspace/home/go');
        await eventually('the operator to notice', () => operator.said.includes('ClusterUnreachable'), AWAY_MS);
        await eventually('the minute to pass', () => Date.now() - away >= AWAY_MS, 2 * AWAY_MS);
        line.pass();
        const back = Date.now();
        await ends.have('session.finished');
        await counts.inPod('touch /workspace/home/go');
        for (const session of [counts, ends]) {
          await completed(session);
          const events = await session.events();
          const first = events.find(({ time }) => Date.parse(time) >= back);
          console.info(`${session.name} went on ${Date.parse(first?.time ?? '') - back} ms after the API server was back`);
          expect(await session.inPod('cat /workspace/home/runs')).toBe('run\n');
          expect(events.filter(({ type }) => type === 'sandbox.lost')).toEqual([]);
        }
        const [said] = installation.model.results(goal('counts'));
        const numbers = [...(said ?? '').matchAll(/^\d+$/gm)].map(Number);
        expect(said).toMatch(/end\n.*7/s);
        expect(numbers.length).toBeGreaterThan(10);
        expect(installation.model.results(goal('ends'))[0]).toMatch(/late\n.*8/s);
        const tools = (await ends.have('tool.finished')).filter(({ name }) => name === 'bash');
        expect(tools).toMatchObject([{ outcome: 'ok', exitCode: 8 }]);
        await installation.must('delete', 'agentsessions', 'counts', 'ends');
      } finally {
        for (const one of running.splice(0)) await one.stop();
        await line.close();
      }
    },
    LONG_MS,
  );

  it.each([
    ['five minutes ahead is taken over by one five minutes behind', 'ahead', SKEW_MS],
    ['five minutes behind is taken over by one five minutes ahead', 'behind', -SKEW_MS],
  ])(
    'of an operator whose clock is %s: neither its claim, nor its working time, nor its command ends too soon or too late',
    async (_, name, skew) => {
      const clock = (ms: number) => ({
        NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=file://${join(import.meta.dirname, '../support/shifted-clock.ts')}?ms=${ms}`,
      });
      const first = await start(`${name}-1`, clock(skew));
      const work = [
        bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo counted', { timeout_seconds: 250 }),
        ...ended,
      ];
      const session = await begin(name, work, { limits: { timeoutSeconds: 280 } });
      await session.home('runs', 'run\n');
      const [{ time = '' } = {}] = (await session.events()).filter(({ type }) => type === 'tool.started');
      expect(Math.abs(Date.parse(time) - Date.now() - skew)).toBeLessThan(SKEW_MS / 2);
      const second = await start(`${name}-2`, clock(-skew));
      await first.kill();
      running = [second];
      const killed = performance.now();
      await session.inPod('touch /workspace/home/go');
      await session.have('tool.finished', 2);
      console.info(
        `the next operator had the command's result ${Math.round(performance.now() - killed)} ms after the first was killed`,
      );
      await completed(session);
      const tools = (await session.have('tool.finished')).filter((tool) => tool.name === 'bash');
      expect(tools).toMatchObject([{ outcome: 'ok', exitCode: 0 }]);
      expect(await session.inPod('cat /workspace/home/runs')).toBe('run\n');
      expect(await session.condition('Finished')).toMatchObject({ status: 'True', reason: expect.stringMatching(/Completed/) });
      await installation.must('delete', 'agentsession', name);
    },
    LONG_MS,
  );
});
