/** Several operators of one installation on a real cluster: how they share sessions, and what happens when one of them dies. */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { SessionEvent } from '../../operator/engine/events.ts';
import { CLAIM_TTL_MS } from '../../operator/engine/log.ts';
import type { RedisEventLog } from '../../operator/engine/redis-log.ts';
import { eventually } from '../support/eventually.ts';
import { redisLog } from '../support/redis-logs.ts';
import { bash, finish, Gate, type Turns, write } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';

const LONG_MS = 4 * SESSION_MS;
/** What is left of 8 s without progress after a claim has run out: to claim, to read, to find the Pod and to go on. */
const TAKE_OVER_MS = 8_000 - CLAIM_TTL_MS;
/** So many of the steps that a session makes undisturbed, finding the Pod and connecting to it take besides on a slow machine. */
const STEPS_OF_A_TAKE_OVER = 3;

describeOnCluster('several operators', (cluster) => {
  let installation: Installation;
  let log: RedisEventLog;
  const operators = new Map<string, SystemProcess>();

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    log = await redisLog({ url: installation.redis.url(), prefix: 'swe-agent' });
  }, LONG_MS);
  afterEach(async () => {
    const running = [...operators.values()];
    operators.clear();
    for (const one of running) await one.stop();
  }, LONG_MS);
  afterAll(async () => {
    await log?.close();
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  async function start(name: string, changes: Record<string, string> = {}): Promise<void> {
    const one = await installation.operator(name, changes);
    operators.set(String((await one.logs('the operator is up')).holder), one);
  }
  const uidOf = (name: string) => installation.read('agentsession', name, '.metadata.uid');
  const holderOf = async (uid: string) => (await installation.redis.admin.hget(`swe-agent:{${uid}}:claim`, 'holder')) ?? '';
  const inPod = async (name: string, script: string) =>
    (await installation.kube('exec', `${name}-sandbox`, '--', 'sh', '-c', script)).out;
  const runs = (name: string) => inPod(name, 'cat /workspace/home/runs');

  it(
    'share the sessions; when one is killed the others go on with its own within 8 s, and no command runs twice',
    async () => {
      const steps = 30;
      const [all, killing] = [new Gate(), new Gate()];
      const stepping: Turns = async ({ turn }) => {
        // None gets ahead of the others, and none is done before one of the operators is killed.
        if (turn === 1) await all.pass();
        if (turn === steps - 1) await killing.pass();
        if (turn < steps) return bash(`echo ${turn} >>$HOME/runs; sleep 0.2`);
        return turn === steps ? write('greeting.txt', 'hello\n') : finish();
      };
      const holding = [
        bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo counted'),
        write('greeting.txt', 'hello\n'),
        finish(),
      ];
      const sessions = ['held', 'step-1', 'step-2', 'step-3'];
      await Promise.all(['operator-1', 'operator-2', 'operator-3'].map((name) => start(name)));
      for (const name of sessions) {
        const { url } = await installation.repository(name);
        const work = name === 'held' ? holding : stepping;
        await installation.session(name, installation.model.on(`Do what ${name} says`, { work }), url);
      }
      await eventually('all to work', async () => (await Promise.all(sessions.map(runs))).every(Boolean), SESSION_MS);
      all.open();
      const uids = new Map(await Promise.all(sessions.map(async (name) => [name, await uidOf(name)] as const)));
      const underWay = async (name: string) => name === 'held' || (await runs(name)).split('\n').length > 10;
      await eventually('some steps', async () => (await Promise.all(sessions.map(underWay))).every(Boolean), SESSION_MS);
      const holders = new Map(await Promise.all([...uids].map(async ([name, uid]) => [name, await holderOf(uid)] as const)));
      for (const holder of holders.values()) expect([...operators.keys()]).toContain(holder);

      const dead = holders.get('held') ?? '';
      const orphans = sessions.filter((name) => holders.get(name) === dead);
      console.info(`sessions by operator: ${[...operators.keys()].map((one) => count(holders.values(), one)).join(', ')}`);
      const killed = Date.now();
      killing.open();
      await operators.get(dead)?.kill();
      operators.delete(dead);
      await inPod('held', 'touch /workspace/home/go');

      for (const name of sessions) await installation.finished(name);
      const events = new Map(await Promise.all([...uids].map(async ([name, uid]) => [name, await log.read(uid, 0)] as const)));
      // Of those that make steps: before, and where nobody was killed, afterwards as well.
      const gaps = [...events].map(([name, all]) =>
        name === 'held' ? 0 : longestGap(all, orphans.includes(name) ? killed : Number.POSITIVE_INFINITY),
      );
      const step = Math.max(...gaps);
      const most = CLAIM_TTL_MS + TAKE_OVER_MS + STEPS_OF_A_TAKE_OVER * step;
      for (const name of orphans) {
        const all = events.get(name) ?? [];
        const taken = all.find(({ epoch, time }) => epoch !== all[0]?.epoch && Date.parse(time) >= killed);
        const gap = taken ? Date.parse(taken.time) - killed : Number.POSITIVE_INFINITY;
        console.info(`${name} went on ${gap} ms after its operator was killed; a step takes up to ${step} ms here`);
        expect(gap).toBeLessThanOrEqual(most);
      }
      for (const name of sessions) {
        expect(await installation.read('agentsession', name, '.status.phase')).toBe('Completed');
        const expected = name === 'held' ? ['run'] : Array.from({ length: steps }, (_, index) => String(index));
        expect((await runs(name)).trimEnd().split('\n')).toEqual(expected);
      }
      expect(installation.model.results('Do what held says').join('\n')).toContain('counted');
      await installation.must('delete', 'agentsessions', ...sessions);
    },
    LONG_MS,
  );

  it(
    'each work on as many as they may, and leave what finds no place with them to the others',
    async () => {
      await Promise.all(['full-1', 'full-2'].map((name) => start(name, { SWE_AGENT_MAX_RUNNING: '1' })));
      const [working, names] = [new Gate(), ['place-1', 'place-2', 'place-3']];
      const work: Turns = async ({ turn }) => {
        if (turn === 0) await working.pass();
        return [write('greeting.txt', 'hello\n'), finish()][turn] ?? {};
      };
      for (const name of names) {
        const { url } = await installation.repository(name);
        await installation.session(name, installation.model.on(`Take ${name}`, { work }), url);
      }
      const claims = async () => {
        const held = await Promise.all(names.map(async (name) => [name, await holderOf(await uidOf(name))] as const));
        return new Map(held.filter(([, holder]) => holder !== ''));
      };
      const progress = (name: string, field: string) =>
        installation.read('agentsession', name, `.status.conditions[?(@.type=="Progressing")].${field}`);
      const waiting = await eventually(
        'one to wait for a place',
        async () => {
          const taken = await claims();
          const [left] = names.filter((name) => !taken.has(name));
          return taken.size === 2 && left && (await progress(left, 'reason')) === 'WaitingForSlot' && left;
        },
        SESSION_MS,
      );
      const running = names.filter((name) => name !== waiting);
      const held = await claims();
      expect([...held.keys()].toSorted()).toEqual(running);
      // One each.
      expect(new Set(held.values())).toEqual(new Set(operators.keys()));
      expect(await installation.read('agentsession', waiting, '.status.phase')).toBe('Queued');
      for (const name of running)
        await eventually(`${name} to work`, async () => (await progress(name, 'status')) === 'True', SESSION_MS);
      working.open();
      for (const name of names) await installation.finished(name);
      for (const name of names) expect(await installation.read('agentsession', name, '.status.phase')).toBe('Completed');
      await installation.must('delete', 'agentsessions', ...names);
    },
    LONG_MS,
  );

  it(
    'of which one has another log by mistake: it leaves alone what the first works on, says why, and they do not quarrel',
    async () => {
      await start('with-the-log');
      const { url } = await installation.repository('mine');
      const work = [
        bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done'),
        write('greeting.txt', 'hello\n'),
        finish(),
      ];
      await installation.session('mine', installation.model.on('Belong to one', { work }), url);
      await eventually('the command', async () => (await runs('mine')) === 'run\n', SESSION_MS);
      await start('with-another', { REDIS_KEY_PREFIX: 'another' });
      const [first, second] = [...operators.values()];
      await eventually('the refusal', () => second?.said.includes('acknowledged writes were lost'));
      // A quarrel would change it many times within a second; counters are written every 10 s.
      const version = () => installation.read('agentsession', 'mine', '.metadata.resourceVersion');
      await eventually('both to have had their say', async () => {
        const seen = new Set<string>();
        for (let look = 0; look < 10; look++) seen.add(await version());
        const progress = '.status.conditions[?(@.type=="Progressing")].status';
        return seen.size === 1 && (await installation.read('agentsession', 'mine', progress)) === 'True';
      });
      await inPod('mine', 'touch /workspace/home/go');
      await installation.finished('mine');
      expect(await installation.read('agentsession', 'mine', '.status.phase')).toBe('Completed');
      expect(await runs('mine')).toBe('run\n');
      expect(first?.said).not.toMatch(/"level":"error"/);
      await installation.must('delete', 'agentsession', 'mine');
    },
    LONG_MS,
  );

  it(
    'of which one was started twice by mistake: the second says that the first has the state folder, and ends',
    async () => {
      await start('the-same');
      const second = installation.run('operator/main.ts', installation.operatorEnvironment('the-same'));
      expect(await second.ended).toBe('1');
      expect(second.said).toMatch(/the-same.*(in use|another process|process \d+)/s);
      expect([...operators.values()][0]?.said).not.toMatch(/"level":"error"/);
    },
    LONG_MS,
  );
});

function count<T>(values: Iterable<T>, value: T): number {
  return [...values].filter((one) => one === value).length;
}

/** The longest time between two events of a session at work, but for its model's, in ms. @param to ms since 1970 */
function longestGap(events: readonly SessionEvent[], to: number): number {
  const begun = events.findIndex(({ type }) => type === 'sandbox.ready');
  const within = events.slice(begun).filter(({ time }) => Date.parse(time) <= to);
  const gaps = within.slice(1).map(({ time }, index) => {
    const before = within[index];
    return before && before.type !== 'model.requested' ? Date.parse(time) - Date.parse(before.time) : 0;
  });
  return Math.max(0, ...gaps);
}
