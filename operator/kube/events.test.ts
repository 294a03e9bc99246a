import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PATIENCE_MS } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { ScriptedKubeServer } from '../../test/support/kube-server.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { API_VERSION, type KubeObject } from '../api/resources.ts';
import { EventRecorder, type EventRecorderOptions } from './events.ts';
import { HttpKubeClient } from './http-client.ts';

const EVENTS = '/apis/events.k8s.io/v1/events';
const session = (name = 's', uid = `uid-${name}`): KubeObject => ({
  apiVersion: API_VERSION,
  kind: 'AgentSession',
  metadata: { name, namespace: 'ns', uid, resourceVersion: '7' },
});
const ready = { type: 'Normal', reason: 'PlanReady', action: 'Planning', note: 'Plan 1 has 3 steps' } as const;

describe('event recorder', () => {
  let server: ScriptedKubeServer;
  let stop: AbortController;
  let clock: ManualClock;
  let logger: KeepingLogger;
  beforeEach(async () => {
    server = await ScriptedKubeServer.start();
    stop = new AbortController();
    clock = new ManualClock(Date.parse('2030-01-01T00:00:00.123Z'));
    logger = new KeepingLogger();
  });
  afterEach(async () => {
    stop.abort();
    await server.stop();
  });

  function recorder(options: Partial<EventRecorderOptions> = {}): EventRecorder {
    const client = new HttpKubeClient(
      { baseUrl: server.url, headers: async () => ({}), signal: stop.signal },
      { tries: 1, requestTimeoutMs: PATIENCE_MS },
    );
    return new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: 'one', logger, clock, ...options });
  }

  it('writes what a real API server asks of an event', async () => {
    const events = recorder();
    events.record(session(), ready);
    await events.stop(stop.signal);
    expect(server.all(EVENTS)).toEqual([
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: expect.objectContaining({ name: expect.stringMatching(/^s\.[0-9a-f]{14}-[0-9a-f]{4}$/), namespace: 'ns' }),
        eventTime: '2030-01-01T00:00:00.123000Z',
        reportingController: 'sweagent.dev/operator',
        reportingInstance: 'one',
        action: 'Planning',
        reason: 'PlanReady',
        note: 'Plan 1 has 3 steps',
        type: 'Normal',
        regarding: {
          apiVersion: API_VERSION,
          kind: 'AgentSession',
          name: 's',
          namespace: 'ns',
          uid: 'uid-s',
          resourceVersion: '7',
        },
      },
    ]);
  });

  it('names events so that a list of them, which is sorted by name, tells them in the order of time', async () => {
    const events = recorder();
    const said = Array.from({ length: 20 }, (_, at) => `Step ${at}`);
    for (const note of said) {
      events.record(session(), { ...ready, note });
      if (note.endsWith('5')) await clock.advance(1_000);
    }
    await events.stop(stop.signal);
    const listed = server.all(EVENTS).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    expect(listed.map((event) => 'note' in event && event.note)).toEqual(said);
  });

  it('counts a line that is said again instead of repeating it, with few writes', async () => {
    const events = recorder({ repeatIntervalMs: 10_000 });
    for (let i = 0; i < 40; i++) {
      events.record(session(), ready);
      await clock.advance(1_000);
    }
    await events.stop(stop.signal);
    const written = server.all(EVENTS);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({ series: { count: 40, lastObservedTime: '2030-01-01T00:00:39.123000Z' } });
    expect(server.requests.length).toBeLessThanOrEqual(6);
  });

  it('begins a new line when the same is said again after a long silence', async () => {
    const events = recorder();
    events.record(session(), ready);
    await clock.advance(10 * 60_000);
    events.record(session(), ready);
    await events.stop(stop.signal);
    expect(server.all(EVENTS)).toHaveLength(2);
  });

  it('says a line anew when its event expired meanwhile', async () => {
    const events = recorder({ repeatIntervalMs: 0 });
    events.record(session(), ready);
    server.script = ({ method }) => (method === 'PATCH' ? { code: 404 } : undefined);
    events.record(session(), ready);
    await events.stop(stop.signal);
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
    expect(server.all(EVENTS)[0]).toMatchObject({ series: { count: 2 } });
  });

  it('cuts off one object that says too much and lets the others speak', async () => {
    const events = recorder({ burst: 3, refillMs: 1_000 });
    const say = (name: string, i: number) => events.record(session(name), { ...ready, note: `${i}` });
    for (let i = 0; i < 10; i++) say('loud', i);
    say('quiet', 0);
    await clock.advance(2_000);
    for (let i = 10; i < 20; i++) say('loud', i);
    await events.stop(stop.signal);
    const notes = server.all(EVENTS).map((event) => `${event.metadata.name.split('.')[0]} ${event.note}`);
    expect(notes).toEqual(['loud 0', 'loud 1', 'loud 2', 'quiet 0', 'loud 10', 'loud 11']);
  });

  it('cuts a note that is longer than a server admits', async () => {
    const events = recorder();
    events.record(session(), { ...ready, note: 'ä'.repeat(3_000) });
    await events.stop(stop.signal);
    expect(server.all(EVENTS)[0]?.note).toBe(`${'ä'.repeat(1023)}…`);
  });

  it('never throws: what cannot be written is logged', async () => {
    server.script = () => ({ code: 403, body: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no events for you' } });
    const events = recorder();
    events.record(session(), ready);
    await events.stop(stop.signal);
    expect(logger.lines).toEqual(['warn: event PlanReady about AgentSession s could not be written: no events for you']);
  });

  it('does not hold up a stop when the server does not answer', async () => {
    server.script = () => 'never';
    const events = recorder();
    events.record(session(), ready);
    const patience = new AbortController();
    const stopped = events.stop(patience.signal);
    patience.abort();
    await stopped;
    events.record(session(), ready);
    expect(server.requests.length).toBeLessThanOrEqual(1);
  });
});
