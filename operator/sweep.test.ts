import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../test/support/daytona/sandboxes.ts';
import { type TestApi, testApi } from '../test/support/embedded-api.ts';
import { eventually } from '../test/support/eventually.ts';
import { KeepingLogger } from '../test/support/keeping-logger.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { type AgentSession, API_VERSION, RESOURCES } from './api/resources.ts';
import { HttpKubeClient } from './kube/http-client.ts';
import type { SandboxOwner } from './sandbox/transport.ts';
import { OrphanSweep } from './sweep.ts';

let api: TestApi;
let client: HttpKubeClient;
let stop: AbortController;
beforeEach(async () => {
  api = await testApi();
  stop = new AbortController();
  const headers = async () => ({ authorization: `Bearer ${api.token}` });
  client = new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: stop.signal });
});
afterEach(async () => {
  stop.abort();
  await api[Symbol.asyncDispose]();
});

async function session(name: string): Promise<SandboxOwner> {
  const { metadata } = await client.create<AgentSession>(RESOURCES.sessions, {
    apiVersion: API_VERSION,
    kind: 'AgentSession',
    metadata: { name, namespace: 'default' },
    spec: { goal: 'Greet', repository: { url: 'https://example.com/r.git' } },
  });
  return { uid: metadata.uid ?? '', name, namespace: 'default' };
}

/** Sandboxes that are nothing but whose they are. */
class Sandboxes {
  readonly type = 'pod';
  readonly owners: SandboxOwner[];
  looks = 0;
  failing = false;
  /** Whether a sandbox is being removed that does not come to an end. */
  waiting = false;

  constructor(...owners: SandboxOwner[]) {
    this.owners = owners;
  }

  async listOrphans(known: ReadonlySet<string>): Promise<SandboxOwner[]> {
    this.looks++;
    if (this.failing) throw new Error('the cluster is away');
    return this.owners.filter(({ uid }) => !known.has(uid));
  }

  async dispose({ uid, name }: SandboxOwner, signal: AbortSignal): Promise<void> {
    if (name === 'stubborn') throw new Error('it does not go');
    if (name === 'endless') {
      this.waiting = true;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    }
    this.owners.splice(
      this.owners.findIndex((owner) => owner.uid === uid),
      1,
    );
  }
}

it('removes the sandboxes of sessions that are gone or were made anew, and those alone', async () => {
  const [kept, late] = [await session('kept'), await session('late')];
  const gone = { uid: 'uid-gone', name: 'gone', namespace: 'default' };
  const before = { ...kept, uid: 'uid-before' };
  const sandboxes = new Sandboxes(kept, late, gone, before);
  // The copy does not know the late one yet.
  const known = await client.get<AgentSession>(RESOURCES.sessions, 'default', 'kept');
  const logger = new KeepingLogger();
  const sweep = new OrphanSweep({ client, transport: sandboxes, sessions: { list: () => [known] }, logger });
  expect(await sweep.sweep(stop.signal)).toEqual([gone, before]);
  expect(sandboxes.owners).toEqual([kept, late]);
  expect(logger.lines).toHaveLength(2);
});

it('removes the others when one does not go, and says why that does not', async () => {
  const owners = ['first', 'stubborn', 'last'].map((name) => ({ uid: `uid-${name}`, name, namespace: 'default' }));
  const sandboxes = new Sandboxes(...owners);
  const sweep = new OrphanSweep({ client, transport: sandboxes, sessions: { list: () => [] }, logger: new KeepingLogger() });
  await expect(sweep.sweep(stop.signal)).rejects.toThrow('it does not go');
  expect(sandboxes.owners.map(({ name }) => name)).toEqual(['stubborn']);
});

it('removes the others also when one takes for ever, however many of those there are', async () => {
  const clock = new ManualClock();
  const names = ['endless', 'endless', 'endless', 'last'];
  const sandboxes = new Sandboxes(...names.map((name, index) => ({ uid: `uid-${index}`, name, namespace: 'default' })));
  const logger = new KeepingLogger();
  const running = new OrphanSweep({ client, transport: sandboxes, sessions: { list: () => [] }, logger, clock }).run(stop.signal);
  await eventually('the timer', () => clock.pending === 1);
  await clock.advance(15_000);
  for (let times = 0; times < 3; times++) {
    await eventually('one that does not end', () => sandboxes.waiting);
    sandboxes.waiting = false;
    await clock.advance(120_000);
  }
  await eventually('the others to be gone', () => sandboxes.owners.length === 3);
  await eventually('the reason', () => logger.lines.some((line) => line.endsWith('sandboxes: it took longer than 120 s')));
  stop.abort();
  await running;
});

it('leaves at Daytona what is of a session that is there, of another installation, or not of SWE Agent', async () => {
  await using stack = new AsyncDisposableStack();
  const daytona = stack.adopt(await DaytonaSandboxes.start(), (one) => one.close());
  const [own, other] = [daytona.transport({ installation: 'own' }), daytona.transport({ installation: 'other' })];
  const living = await session('living');
  const gone = { uid: 'uid-gone', name: 'gone', namespace: 'default' };
  const elsewhere = { uid: 'uid-gone', name: 'gone', namespace: 'elsewhere' };
  const stopped = { uid: 'uid-stopped', name: 'stopped', namespace: 'default' };
  for (const owner of [living, gone, elsewhere, stopped]) await own.provision(owner, {}, stop.signal);
  await other.provision(gone, {}, stop.signal);
  const { control } = daytona.server;
  const of = ({ uid, namespace }: SandboxOwner, installation: string) =>
    control.all().filter(({ dto: { labels } }) => {
      const { 'sweagent.dev/session-uid': labelled, 'sweagent.dev/session-namespace': place } = labels;
      return labelled === uid && place === namespace && labels['sweagent.dev/installation'] === installation;
    });
  for (const sandbox of of(stopped, 'own')) await control.stop(sandbox);
  // Somebody's who makes sandboxes by hand, and knows our label.
  const [foreign] = of(elsewhere, 'own');
  if (foreign) foreign.dto.labels = { 'sweagent.dev/installation': 'own' };
  const sweep = new OrphanSweep({ client, transport: own, sessions: { list: () => [] }, logger: new KeepingLogger() });
  expect((await sweep.sweep(stop.signal)).map(({ name }) => name).toSorted()).toEqual(['gone', 'stopped']);
  expect(of(gone, 'own')).toEqual([]);
  expect(of(stopped, 'own')).toEqual([]);
  expect(of(gone, 'other')).toHaveLength(1);
  expect(of(living, 'own')).toHaveLength(1);
  expect(control.all()).toHaveLength(3);
});

it('removes nothing while it cannot ask whether the session is there', async () => {
  const sandboxes = new Sandboxes({ uid: 'uid-1', name: 'one', namespace: 'default' });
  const sweep = new OrphanSweep({ client, transport: sandboxes, sessions: { list: () => [] }, logger: new KeepingLogger() });
  stop.abort();
  await expect(sweep.sweep(new AbortController().signal)).rejects.toThrow();
  expect(sandboxes.owners).toHaveLength(1);
});

it('looks again and again, also after a look that failed, until it is stopped', async () => {
  const clock = new ManualClock();
  const sandboxes = new Sandboxes();
  const logger = new KeepingLogger();
  const options = { client, transport: sandboxes, sessions: { list: () => [] }, logger, clock, everyMs: 60_000 };
  const running = new OrphanSweep(options).run(stop.signal);
  for (const look of [1, 2, 3]) {
    sandboxes.failing = look === 2;
    await eventually('the timer', () => clock.pending === 1);
    await clock.advance(60_000);
    await eventually('the look', () => sandboxes.looks === look);
  }
  await eventually('the timer', () => clock.pending === 1);
  stop.abort();
  await running;
  expect(logger.lines).toEqual(['warn: cannot remove all left pod sandboxes: the cluster is away']);
});
