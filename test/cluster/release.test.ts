/** What becomes of the Pods of sessions that rest, with several operators, on a real cluster. */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { bash, finish, type Turns, write } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';
import { WITH_GIT_IMAGE } from './pod-images.ts';
import { type SessionView, SessionViews } from './session-view.ts';

const LONG_MS = 4 * SESSION_MS;
const SOON = {
  WORKER_IMAGE: WITH_GIT_IMAGE,
  SWE_AGENT_TOOLBOX_IMAGE: '',
  SWE_AGENT_RELEASE_FINISHED_SECONDS: '4',
  SWE_AGENT_RELEASE_WAITING_SECONDS: '4',
};

describeOnCluster('the Pod of a session that rests', (cluster) => {
  let installation: Installation;
  let views: SessionViews;
  const operators: SystemProcess[] = [];
  const start = async (name: string) => void operators.push(await installation.operator(name, SOON));
  const kill = () => Promise.all(operators.splice(0).map((one) => one.kill()));

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    views = await SessionViews.open(installation);
  }, LONG_MS);
  afterEach(kill, LONG_MS);
  afterAll(async () => {
    await views?.[Symbol.asyncDispose]();
    // Somebody has to tidy up.
    if (installation) await start('last');
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  async function begin(name: string, work: Turns, spec: Record<string, unknown> = {}): Promise<SessionView> {
    const { url } = await installation.repository(name);
    await installation.session(name, installation.model.on(`Rest as ${name}`, { work }), url, spec);
    return views.of(name);
  }
  const released = (session: SessionView) =>
    eventually(
      `${session.name} to be without Pod`,
      async () => (await session.condition('SandboxReady'))?.reason === 'Released',
      SESSION_MS,
    );
  const gone = async (session: SessionView) => {
    for (const kind of ['pod', 'networkpolicy']) expect(await installation.read(kind, session.pod, '.metadata.uid')).toBe('');
  };
  const remove = async (session: SessionView) => {
    const pod = await installation.read('pod', session.pod, '.metadata.uid');
    const began = performance.now();
    await installation.must('delete', 'agentsession', session.name);
    console.info(
      `kubectl delete of a session ${pod ? 'with' : 'without'} its Pod took ${Math.round(performance.now() - began)} ms`,
    );
    await gone(session);
  };
  const patch = (session: SessionView, spec: object) =>
    installation.must('patch', 'agentsession', session.name, '--type=merge', '-p', JSON.stringify({ spec }));

  it(
    'is given back by one of its operators, and a message to the finished session goes on in another with its files',
    async () => {
      await Promise.all(['operator-1', 'operator-2'].map(start));
      const session = await begin('finished', ({ turn, messages }) => {
        const again = messages.some(({ role, text }) => role === 'user' && text.includes('and to the world'));
        const first = write('greeting.txt', 'hello\n');
        return (again ? [bash('cat greeting.txt; echo world >>greeting.txt'), finish()] : [first, finish()])[turn] ?? {};
      });
      await installation.finished(session.name);
      const before = await session.podUid();
      await released(session);
      await gone(session);
      expect(await session.phase()).toBe('Completed');
      for (const type of ['sandbox.releasing', 'sandbox.released'] as const) expect(await session.have(type)).toHaveLength(1);
      expect(await installation.read('agentsession', session.name, '.status.sandbox')).toBe('');
      console.info(`two operators claimed the session ${await session.claims()} times until its Pod was gone`);
      const waits = operators.flatMap(({ lines }) => lines).filter(({ message }) => message === 'a Pod waits');
      expect(waits.length).toBeGreaterThan(0);
      for (const { trace } of waits) expect(trace).toMatch(/^[0-9a-f]{32}$/);

      await patch(session, { inputs: [{ id: 'm', message: 'and to the world' }] });
      const [restored] = await session.have('sandbox.restored');
      expect(restored?.message).toMatch(/given back while the session rested, and made anew from checkpoint/);
      expect(restored?.sandbox.uid).not.toBe(before);
      await session.have('session.finished', 2);
      expect(installation.model.results(`Rest as ${session.name}`).join('\n')).toMatch(/^hello\n/);
      await session.have('sandbox.released', 2);
      await released(session);
      await remove(session);
    },
    LONG_MS,
  );

  it(
    'is given back by an operator that was not there when the session came to rest, and the answer goes on in another',
    async () => {
      await start('before');
      const question = { name: 'ask_user', args: { question: 'Which greeting?' } };
      const session = await begin('asks', [
        { calls: [...(bash('echo kept >kept').calls ?? []), question] },
        bash('cat kept'),
        write('greeting.txt', 'hello\n'),
        finish(),
      ]);
      const [asked] = await session.have('question.asked');
      await eventually('the status', async () => (await session.phase()) === 'WaitingForUser', SESSION_MS);
      await kill();
      await start('after');
      await released(session);
      await gone(session);
      // What was in no checkpoint was saved first.
      const types = (await session.events()).map(({ type }) => type).filter((type) => /^(checkpoint|sandbox)/.test(type));
      expect(types.slice(-3)).toEqual(['checkpoint.saved', 'sandbox.releasing', 'sandbox.released']);
      await patch(session, { inputs: [{ id: 'a', message: 'hello', answerTo: asked?.id }] });
      await installation.finished(session.name);
      expect(await session.phase()).toBe('Completed');
      expect(installation.model.results(`Rest as ${session.name}`).join('\n')).toContain('kept\n');
      await remove(session);
    },
    LONG_MS,
  );
});
