/** What the embedded API keeps for a while only, and what it keeps across a restart. */
import { describe, expect, it } from '@jest/globals';
import { mergePatchType, session, sessionsPath, testApi } from '../../test/support/embedded-api.ts';
import { eventually } from '../../test/support/eventually.ts';

const eventsPath = '/apis/events.k8s.io/v1/namespaces/default/events';
const started = new Date('2026-05-01T12:00:00Z');
const event = (name: string) => ({
  metadata: { name },
  eventTime: '2026-05-01T11:58:00.000000Z',
  reportingController: 'sweagent.dev/operator',
  reportingInstance: 'one',
  action: 'Plan',
  reason: 'Planned',
  type: 'Normal',
  note: 'the plan is ready',
  regarding: { kind: 'AgentSession', namespace: 'default', name: 'z', uid: 'u', apiVersion: 'sweagent.dev/v1alpha1' },
});

describe('a list', () => {
  it('whose next page is asked for too late is Expired', async () => {
    await using api = await testApi({ store: { history: 40 } });
    for (const name of ['a', 'b']) await api.send('POST', sessionsPath, session(name));
    const first = (await api.send('GET', `${sessionsPath}?limit=1`)).body;
    for (let index = 0; index < 60; index++) {
      await api.send('PATCH', `${sessionsPath}/a`, { metadata: { annotations: { index: `${index}` } } }, mergePatchType);
    }
    const late = await api.send('GET', `${sessionsPath}?limit=1&continue=${first.metadata.continue}`);
    expect(late.body).toMatchObject({ code: 410, reason: 'Expired' });
  });
});

describe('a watch', () => {
  it('from a revision that is no longer known ends with Expired', async () => {
    await using api = await testApi({ store: { history: 8 } });
    const from = (await api.send('GET', sessionsPath)).body.metadata.resourceVersion;
    for (let index = 0; index < 20; index++) await api.send('POST', sessionsPath, session(`s${index}`));
    const watch = await api.watch(`${sessionsPath}?watch=true&resourceVersion=${from}`);
    await watch.ended;
    expect(watch.events).toHaveLength(1);
    expect(watch.events[0]).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    expect(watch.events[0]?.object.message).toMatch(new RegExp(`^too old resource version: ${from} \\(\\d+\\)$`));
  });

  it('continues after a restart of the server where it was cut off', async () => {
    await using api = await testApi({ store: { history: 8 } });
    await api.send('POST', sessionsPath, session('a'));
    const from = (await api.send('GET', sessionsPath)).body.metadata.resourceVersion;
    await api.send('POST', sessionsPath, session('b'));
    await api.close();
    await using again = await testApi({ stateDir: api.stateDir });
    const watch = await again.watch(`${sessionsPath}?watch=true&resourceVersion=${from}`);
    const [first] = await eventually('an event', () => watch.events.length > 0 && watch.events);
    expect(first).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } });
    watch.close();
  });
});

describe('an event', () => {
  it('as a table tells when, what and about what', async () => {
    await using api = await testApi({ now: () => started });
    await api.send('POST', eventsPath, event('shown'));
    const path = '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dz';
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const [row] = (await api.send('GET', path, undefined, { accept })).body.rows;
    const source = 'sweagent.dev/operator, one';
    const subject = 'agentsession/z';
    const cells = ['2m', 'Normal', 'Planned', subject, '', source, 'the plan is ready', '2m', '1', 'shown'];
    expect(row.cells).toEqual(cells);
  });

  it('is forgotten an hour after it was last seen', async () => {
    let now = started;
    await using own = await testApi({ now: () => now });
    await own.send('POST', eventsPath, event('forgotten'));
    await own.close();
    now = new Date(started.getTime() + 61 * 60 * 1000);
    await using later = await testApi({ stateDir: own.stateDir, now: () => now });
    await eventually('event gone', async () => (await later.send('GET', `${eventsPath}/forgotten`)).code === 404);
  });
});
