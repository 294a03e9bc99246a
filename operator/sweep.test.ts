import { afterEach, beforeEach, expect, it } from '@jest/globals';
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

  constructor(...owners: SandboxOwner[]) {
    this.owners = owners;
  }

  async listOrphans(known: ReadonlySet<string>): Promise<SandboxOwner[]> {
    this.looks++;
    if (this.failing) throw new Error('the cluster is away');
    return this.owners.filter(({ uid }) => !known.has(uid));
  }

  async dispose({ uid }: SandboxOwner): Promise<void> {
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
  expect(logger.lines).toEqual(['warn: cannot look for left pod sandboxes: the cluster is away']);
});
