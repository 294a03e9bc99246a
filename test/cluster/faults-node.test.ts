/**
 * A session whose node is not ready. It stops the kubelet of the cluster, which disturbs whatever else uses it: run alone, with
 * CLUSTER_FAULTS=true.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { processesNaming } from '../support/local-sandboxes.ts';
import { bash, finish, write } from '../support/scripted-sessions.ts';
import { wantedCluster } from './cluster.ts';
import { Installation, SESSION_MS } from './installation.ts';
import { SessionViews } from './session-view.ts';

/** What the command does until the test lets it go on. */
const WAITING = 'sleep 4321';
const LONG_MS = 5 * SESSION_MS;
const found = wantedCluster(process.env);
const cluster = 'missing' in found ? undefined : found;
const daemons = process.env.CLUSTER_FAULTS === 'true' ? cluster?.daemons : undefined;
if (!daemons) console.warn('no node is stopped: CLUSTER_FAULTS is not "true", or there is no cluster that was built here');

(daemons ? describe : describe.skip)('a session whose node is not ready', () => {
  let installation: Installation;
  let views: SessionViews;
  let stopped = false;

  beforeAll(async () => {
    if (!cluster) throw new Error('there is no cluster');
    installation = await Installation.open(cluster);
    views = await SessionViews.open(installation);
    await installation.operator('operator');
  }, LONG_MS);
  afterAll(async () => {
    if (stopped) await daemons?.start('kubelet');
    await views?.[Symbol.asyncDispose]();
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  it(
    'says so while it waits, and goes on when the node is back: with the result of the command that ended meanwhile, which ran once',
    async () => {
      const { url } = await installation.repository('node');
      // One that the node is not done with, whatever happens to it.
      const image = 'registry.invalid/nobody/nothing:1';
      await installation.session('waiting', installation.model.on('Wait for an image'), url, { sandbox: { image } });
      const waiting = views.of('waiting');
      await waiting.waitsFor(/^(ErrImagePull|ImagePullBackOff)$/);
      const command = `echo run >>$HOME/runs; ${WAITING}; echo late; exit 8`;
      const work = [bash(command), bash('echo next'), write('greeting.txt', 'hello\n'), finish()];
      const goal = installation.model.on('Outlast the node', { work });
      await installation.session('node', goal, url);
      const session = views.of('node');
      await session.home('runs', 'run\n');
      const pod = await session.podUid();
      // A Pod is used before its node has said that it runs; a node that dies just then would leave it in preparation.
      await installation.must('wait', `pod/${session.pod}`, '--for=condition=Ready', '--timeout=55s');
      stopped = true;
      await daemons?.kill('kubelet');
      expect(await session.waitsFor(/^(ClusterUnreachable|ConnectionLost)$/)).toMatch(/\w/);
      // As long as Kubernetes takes the node for ready, it is the exec that tells; after that the node may be named as not ready.
      expect(await waiting.waitsFor(/^NodeNotResponding$/)).toMatch(
        /the node \S+ does not respond any more while it has the Pod to run: .*(connection refused|not answered|not ready)/s,
      );
      // The node cannot be asked, but its processes are this machine's: the command goes on, and ends.
      const pids = () =>
        processesNaming(pod).flatMap((line) => (line.trim().endsWith(` ${WAITING}`) ? [Number.parseInt(line, 10)] : []));
      for (const pid of pids()) process.kill(pid);
      await eventually('the command to end', () => pids().length === 0);
      const node = await installation.read('pod', session.pod, '.spec.nodeName');
      const seen = (ready: string) =>
        installation.must('wait', `node/${node}`, `--for=condition=Ready=${ready}`, '--timeout=55s');
      await eventually('the node to be seen as not ready', () => seen('Unknown'), SESSION_MS);
      await daemons?.start('kubelet');
      stopped = false;
      await eventually('the node to be ready', () => seen('True'), SESSION_MS);
      await waiting.waitsFor(/^(ErrImagePull|ImagePullBackOff)$/);
      await installation.must('delete', 'agentsession', 'waiting');
      await installation.finished('node', LONG_MS / 2);
      expect(await session.phase()).toBe('Completed');
      expect(await session.podUid()).toBe(pod);
      expect(await session.inPod('cat /workspace/home/runs')).toBe('run\n');
      const tools = (await session.have('tool.finished')).filter(({ name }) => name === 'bash');
      expect(tools).toMatchObject([
        { outcome: 'ok', exitCode: 8, result: expect.stringContaining('late') },
        { outcome: 'ok', exitCode: 0 },
      ]);
      await installation.must('delete', 'agentsession', 'node');
    },
    LONG_MS,
  );
});
