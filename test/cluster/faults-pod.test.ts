/** Sessions whose Pod is taken away from them, or loses its memory, on a real cluster. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { bash, finish, Gate, type Turns, write } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS } from './installation.ts';
import { WITH_GIT_IMAGE } from './pod-images.ts';
import { type SessionView, SessionViews } from './session-view.ts';

const LONG_MS = 4 * SESSION_MS;
/** A node looks at the size of volumes about once a minute. */
const NODE_LOOKS_MS = 200_000;
/** From a Pod that is ready to work that goes on in it. */
const GO_ON_MS = 5_000;
/** The time at which a Pod was ready is told in whole seconds. */
const SECOND_MS = 1_000;

describeOnCluster('a session whose Pod is lost', (cluster) => {
  let installation: Installation;
  let views: SessionViews;

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    views = await SessionViews.open(installation);
    // With git in the image no other container takes part, and a Pod that wishes so has its memory guaranteed.
    await installation.operator('operator', { WORKER_IMAGE: WITH_GIT_IMAGE, SWE_AGENT_TOOLBOX_IMAGE: '' });
  }, LONG_MS);
  afterAll(async () => {
    await views?.[Symbol.asyncDispose]();
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  const goal = (name: string) => `Live through what becomes of ${name}`;
  async function begin(name: string, work: Turns, spec: Record<string, unknown> = {}): Promise<SessionView> {
    const { url } = await installation.repository(name);
    await installation.session(name, installation.model.on(goal(name), { work }), url, spec);
    return views.of(name);
  }
  /** What the programmer was told, in the end. */
  const told = (name: string) => {
    const last = installation.model.requests(goal(name)).findLast(({ tools }) => tools.includes('finish'));
    return JSON.stringify([last?.messages, [...(last?.results.values() ?? [])]]);
  };
  async function completed(session: SessionView): Promise<void> {
    await installation.finished(session.name);
    expect(await session.phase()).toBe('Completed');
    await installation.must('delete', 'agentsession', session.name);
  }
  /** From when its Pod was ready to the event that it is used, in ms; told to a second. */
  async function takenIntoUse(session: SessionView, type: 'sandbox.ready' | 'sandbox.restored'): Promise<number> {
    const [used] = await session.have(type);
    const at = (await session.events()).find((event) => event.type === type)?.time ?? '';
    expect(used?.sandbox.uid).toBe(await session.podUid());
    const ready = await installation.read('pod', session.pod, '.status.conditions[?(@.type=="Ready")].lastTransitionTime');
    return Math.max(0, Date.parse(at) - Date.parse(ready));
  }
  /** @param first how long that took before the loss: what this machine needs for it under its load */
  async function goesOn(session: SessionView, first: number): Promise<void> {
    const ms = await takenIntoUse(session, 'sandbox.restored');
    console.info(`${session.name} used its first Pod ${first} ms after it was ready, and the next one after ${ms} ms`);
    expect(ms).toBeLessThanOrEqual(GO_ON_MS + SECOND_MS + 5 * first);
  }

  it(
    'by the hand of a person between two steps goes on in a new one with the tree of the last step, and its model is told',
    async () => {
      const thinking = new Gate();
      const session = await begin('between', async ({ turn }) => {
        if (turn === 0) return bash('mkdir deep && echo kept >deep/file && ln -s file deep/link && chmod +x deep/file');
        if (turn === 1) await thinking.pass();
        const look = bash('cat deep/link; ls -l deep/file; git status --porcelain');
        return [look, look, write('greeting.txt', 'hello\n'), finish()][turn - 1] ?? {};
      });
      const [saved] = await session.have('checkpoint.saved');
      const before = await session.podUid();
      const first = await takenIntoUse(session, 'sandbox.ready');
      await installation.must('delete', 'pod', session.pod, '--wait=true');
      // Told before anything is done in it.
      const [lost] = await session.have('sandbox.lost');
      expect(lost?.message).toMatch(/deleted/);
      thinking.open();
      await goesOn(session, first);
      expect(await session.podUid()).not.toBe(before);
      const [restored] = await session.have('sandbox.restored');
      expect(restored?.fromCommit).toBe(saved?.commit);
      expect(restored?.message).toContain('made anew from checkpoint');
      // The tree is the one that was saved.
      expect(restored?.message).not.toContain('differ');
      await session.have('session.finished');
      expect(told('between')).toMatch(/The sandbox was lost and made anew from checkpoint/);
      // No command of the model's was in it, and none is said to be lost.
      const outcomes = (await session.have('tool.finished')).map(({ outcome }) => outcome);
      expect(outcomes).not.toContain('lost');
      expect(await session.have('sandbox.lost')).toHaveLength(1);
      expect(installation.model.results(goal('between')).join('\n')).toMatch(/kept\n-rwx\S+ .* deep\/file\n\?\? deep\/\n/);
      await completed(session);
    },
    LONG_MS,
  );

  it(
    'in the middle of a command, by hand or by eviction, is told that nobody knows what became of it, and does not run it again',
    async () => {
      const command = 'echo half >half; echo run >>$HOME/runs; sleep 1000';
      const work = [bash(command), bash('cat half || ls $HOME'), write('greeting.txt', 'hello\n'), finish()];
      const [deleted, evicted] = [await begin('deleted', work), await begin('evicted', work)];
      const first = new Map<SessionView, number>();
      for (const session of [deleted, evicted]) {
        await session.home('runs', 'run\n');
        first.set(session, await takenIntoUse(session, 'sandbox.ready'));
      }
      await installation.must('delete', 'pod', deleted.pod, '--wait=false');
      const eviction = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: evicted.pod, namespace: installation.namespace },
      };
      const path = `/api/v1/namespaces/${installation.namespace}/pods/${evicted.pod}/eviction`;
      const asked = await installation.kubectl(['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
      expect(asked).toMatchObject({ code: 0 });
      for (const session of [deleted, evicted]) {
        await goesOn(session, first.get(session) ?? 0);
        const [lost] = (await session.have('tool.finished')).filter(({ name }) => name === 'bash');
        expect(lost?.outcome).toBe('lost');
        expect(told(session.name)).toMatch(/The sandbox was lost while this ran; whether it came to an end is not known/);
        // In the new one nothing of it is to be found.
        expect(await session.inPod('cat /workspace/home/runs || echo none')).toBe('none\n');
        await completed(session);
      }
    },
    LONG_MS,
  );

  it(
    'for having written more than it may says so, and goes on in one with the files of before',
    async () => {
      const thinking = new Gate();
      const spec = { sandbox: { workspaceSize: '40Mi' } };
      const session = await begin(
        'disk',
        async ({ turn }) => {
          if (turn === 0) return bash('echo kept >kept');
          if (turn === 1) await thinking.pass();
          const fill = bash('echo run >>$HOME/runs; head -c 80000000 /dev/zero >big; sleep 1000');
          return [fill, bash('cat kept; ls'), write('greeting.txt', 'hello\n'), finish()][turn - 1] ?? {};
        },
        spec,
      );
      await session.have('checkpoint.saved');
      thinking.open();
      await session.home('runs', 'run\n');
      const lost = await eventually(
        'the node to look at the size of its volumes',
        async () => (await session.events()).find((event) => event.type === 'sandbox.lost'),
        NODE_LOOKS_MS,
      );
      expect(lost).toMatchObject({ message: expect.stringMatching(/Evicted.*exceeds the limit "40Mi"/) });
      await session.have('session.finished');
      const [, filled, looked] = (await session.have('tool.finished')).filter(({ name }) => name === 'bash');
      expect(filled).toMatchObject({
        outcome: 'lost',
        result: expect.stringContaining('whether it came to an end is not known'),
      });
      expect(looked).toMatchObject({ outcome: 'ok', result: expect.stringMatching(/^kept\n(?!.*big)/s) });
      await completed(session);
    },
    LONG_MS,
  );

  it(
    'of memory only is told that the command may have ended anyhow, and goes on with the files that are there',
    async () => {
      const resources = { cpu: '200m', memory: '96Mi' };
      const kill = 'echo kept >kept; echo run >>$HOME/runs; echo 1000 >/proc/1/oom_score_adj; tail /dev/zero; sleep 1000';
      const work = [bash(kill), bash('cat kept'), write('greeting.txt', 'hello\n'), finish()];
      const session = await begin('memory', work, { sandbox: { resources: { requests: resources, limits: resources } } });
      await session.have('session.finished');
      const [first, second] = (await session.have('tool.finished', 2)).filter(({ name }) => name === 'bash');
      expect(first).toMatchObject({ outcome: 'lost' });
      expect(second).toMatchObject({ outcome: 'ok', exitCode: 0 });
      await session.home('runs', 'run\n');
      expect(
        await eventually('its end', async () =>
          installation.read('pod', session.pod, '.status.containerStatuses[0].lastState.terminated.reason'),
        ),
      ).toBe('OOMKilled');
      await completed(session);
    },
    LONG_MS,
  );
});
