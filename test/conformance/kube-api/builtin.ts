import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mergePatchType, secretsPath, session, sessionsPath } from '../../support/embedded-api.ts';

import type { OpenApi } from '../kube-api.ts';

export function builtin(open: OpenApi): void {
  describe('kinds', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeAll(async () => {
      api = await open();
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
    });

    const eventsPath = '/apis/events.k8s.io/v1/namespaces/default/events';
    const coreEventsPath = '/api/v1/namespaces/default/events';
    const leasesPath = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    const base64 = (text: string) => Buffer.from(text).toString('base64');

    describe('a Secret', () => {
      const create = (name: string, more: Record<string, unknown>) =>
        api.send('POST', secretsPath, { metadata: { name }, ...more });
      const patch = (name: string, change: unknown) => api.send('PATCH', `${secretsPath}/${name}`, change, mergePatchType);

      it('takes plain text and never shows it as such', async () => {
        const { body } = await create('plain', { stringData: { a: 'b' }, data: { c: base64('d') } });
        expect(body).toMatchObject({
          apiVersion: 'v1',
          kind: 'Secret',
          type: 'Opaque',
          data: { a: base64('b'), c: base64('d') },
        });
        expect(body).not.toHaveProperty('stringData');
      });

      it.each([
        ['data that is no base64', { data: { c: '!!' } }, 400, 'illegal base64 data at input byte 0'],
        [
          'a key with a space',
          { data: { 'c d': '' } },
          422,
          'data[c d]: Invalid value: "c d": a valid config key must consist of',
        ],
        ['a number as data', { data: { c: 5 } }, 400, 'json: cannot unmarshal number into Go struct field Secret.data'],
        [
          'a type without what it needs',
          { type: 'kubernetes.io/tls' },
          422,
          '[data[tls.crt]: Required value, data[tls.key]: Required value]',
        ],
        [
          'a Docker configuration that is no JSON',
          { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('hush') } },
          422,
          '<secret contents redacted>',
        ],
        [
          'more than 1 MiB',
          { data: { a: base64('x'.repeat(1024 * 1024 + 1)) } },
          422,
          'data: Too long: may not be more than 1048576 bytes',
        ],
      ])('with %s is refused, its value untold', async (_, more, code, words) => {
        const answer = await create('refused', more);
        expect(answer.code).toBe(code);
        expect(answer.body.message).toContain(words);
        expect(answer.text).not.toContain('hush');
      });

      it('keeps its type, and all of its data once it is immutable', async () => {
        await create('fixed', { data: { a: '' } });
        expect((await patch('fixed', { type: 'x' })).body.message).toBe(
          'Secret "fixed" is invalid: type: Invalid value: "x": field is immutable',
        );
        expect((await patch('fixed', { immutable: true })).code).toBe(200);
        expect((await patch('fixed', { data: { b: '' } })).body.message).toContain(
          'data: Forbidden: field is immutable when `immutable` is set',
        );
        expect((await patch('fixed', { immutable: false })).body.message).toContain('immutable: Forbidden');
      });

      it('takes strategic merge patches, whose lists merge by key', async () => {
        const owner = (uid: string) => ({ apiVersion: 'example.com/v1', kind: 'Thing', name: uid, uid });
        await create('strategic', {
          data: { a: '', b: '' },
          metadata: { name: 'strategic', finalizers: ['a.dev/x'], ownerReferences: [owner('1'), owner('2')] },
        });
        const change = {
          data: { b: null, c: base64('c') },
          metadata: {
            finalizers: ['b.dev/y'],
            '$deleteFromPrimitiveList/finalizers': ['a.dev/x'],
            ownerReferences: [
              { uid: '1', $patch: 'delete' },
              { uid: '2', controller: true },
            ],
          },
        };
        const { body } = await api.send('PATCH', `${secretsPath}/strategic`, change, {
          'content-type': 'application/strategic-merge-patch+json',
        });
        expect(body.data).toEqual({ a: '', c: base64('c') });
        expect(body.metadata).toMatchObject({
          finalizers: ['b.dev/y'],
          ownerReferences: [{ uid: '2', name: '2', controller: true }],
        });
      });

      it('may be replaced without a resourceVersion', async () => {
        await create('replaced', { data: { a: '' } });
        const answer = await api.send('PUT', `${secretsPath}/replaced`, {
          metadata: { name: 'replaced' },
          stringData: { b: 'c' },
        });
        expect(answer.body.data).toEqual({ b: base64('c') });
      });
    });

    describe('an event', () => {
      const regarding = { kind: 'AgentSession', namespace: 'default', name: 'x', uid: 'u', apiVersion: 'sweagent.dev/v1alpha1' };
      const event = (name: string, more = {}) => ({
        metadata: { name },
        eventTime: '2026-05-01T11:58:00.000000Z',
        reportingController: 'sweagent.dev/operator',
        reportingInstance: 'one',
        action: 'Plan',
        reason: 'Planned',
        type: 'Normal',
        note: 'the plan is ready',
        regarding,
        ...more,
      });

      it('is one object in two shapes', async () => {
        const made = (await api.send('POST', eventsPath, event('new'))).body;
        const core = (await api.send('GET', `${coreEventsPath}/new`)).body;
        expect(core).toMatchObject({
          apiVersion: 'v1',
          kind: 'Event',
          metadata: made.metadata,
          involvedObject: regarding,
          message: 'the plan is ready',
          reportingComponent: 'sweagent.dev/operator',
          source: {},
          firstTimestamp: null,
        });
        const old = {
          metadata: { name: 'old' },
          involvedObject: regarding,
          message: 'm',
          reason: 'r',
          count: 2,
          type: 'Warning',
          source: { component: 'c' },
        };
        expect((await api.send('POST', coreEventsPath, { ...old, lastTimestamp: '2026-05-01T11:00:00Z' })).code).toBe(201);
        const shown = (await api.send('GET', `${eventsPath}/old`)).body;
        expect(shown).toMatchObject({
          apiVersion: 'events.k8s.io/v1',
          note: 'm',
          regarding,
          deprecatedCount: 2,
          deprecatedSource: { component: 'c' },
        });
      });

      it('is found by what it is about, as kubectl describe looks for it', async () => {
        await api.send('POST', eventsPath, event('about-y', { regarding: { ...regarding, name: 'y', uid: 'v' } }));
        const selector =
          'involvedObject.name%3Dy,involvedObject.namespace%3Ddefault,involvedObject.kind%3DAgentSession,involvedObject.uid%3Dv';
        const { items } = (await api.send('GET', `${coreEventsPath}?fieldSelector=${selector}`)).body;
        expect(items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['about-y']);
        const same = (await api.send('GET', `${eventsPath}?fieldSelector=regarding.name%3Dy`)).body;
        expect(same.items).toHaveLength(1);
      });

      it.each([
        ['no time', { eventTime: undefined }, 'eventTime: Required value'],
        ['an unknown type', { type: 'Foo' }, 'type: Invalid value: "": has invalid value: Foo'],
        ['a note that is too long', { note: 'x'.repeat(1025) }, 'message: Invalid value: "": can have at most 1024 characters'],
        [
          'a time in milliseconds',
          { eventTime: '2026-05-01T11:58:00.000Z' },
          'parsing time "2026-05-01T11:58:00.000Z" as "2006-01-02T15:04:05.000000Z07:00"',
        ],
      ])('with %s is refused', async (_, more, words) => {
        expect((await api.send('POST', eventsPath, event('refused', more))).body.message).toContain(words);
      });
    });

    describe('a Lease', () => {
      it('changes hands only for who knows the current version', async () => {
        const spec = { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-05-01T12:00:00.000000Z' };
        const made = (await api.send('POST', leasesPath, { metadata: { name: 'leader' }, spec })).body;
        const taken = await api.send('PUT', `${leasesPath}/leader`, { ...made, spec: { ...spec, holderIdentity: 'b' } });
        expect(taken.body.spec.holderIdentity).toBe('b');
        expect((await api.send('PUT', `${leasesPath}/leader`, { ...made, spec: { ...spec, holderIdentity: 'c' } })).code).toBe(
          409,
        );
        expect((await api.send('PUT', `${leasesPath}/leader`, { metadata: { name: 'leader' }, spec })).code).toBe(422);
      });

      it('with a duration of 0 is refused', async () => {
        const answer = await api.send('POST', leasesPath, {
          metadata: { name: 'l' },
          spec: { leaseDurationSeconds: 0, leaseTransitions: -1 },
        });
        expect(answer.body.message).toBe(
          'Lease.coordination.k8s.io "l" is invalid: [spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]',
        );
      });
    });

    describe('a review', () => {
      const review = (group: string, plural: string, spec: unknown) =>
        api.send('POST', `/apis/${group}.k8s.io/v1/${plural}`, { spec });

      it('says who one is and that one may do everything', async () => {
        const self = await review('authentication', 'selfsubjectreviews', undefined);
        expect(self.body.status.userInfo).toMatchObject({
          username: 'ada',
          groups: ['system:masters', 'system:authenticated'],
        });
        const access = await review('authorization', 'selfsubjectaccessreviews', {
          resourceAttributes: { verb: 'get', resource: 'secrets' },
        });
        expect(access.body.status).toMatchObject({ allowed: true });
        const resourceAttributes = { verb: 'get', resource: 'secrets' };
        const other = await review('authorization', 'subjectaccessreviews', { user: 'bob', resourceAttributes });
        expect(other.body.status).toMatchObject({ allowed: false });
        const nothing = await review('authorization', 'subjectaccessreviews', { user: 'bob' });
        expect(nothing.body).toMatchObject({
          code: 422,
          message:
            '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        });
      });

      it('of a token tells whose it is, or that it is nobody’s', async () => {
        const good = await review('authentication', 'tokenreviews', { token: api.token });
        expect(good.body.status).toMatchObject({ authenticated: true, user: { username: 'ada' } });
        expect((await review('authentication', 'tokenreviews', { token: 'no' })).body.status).toEqual({
          user: {},
          error: 'invalid bearer token',
        });
      });
    });

    describe('a definition', () => {
      it('can be read and is established', async () => {
        const { body } = await api.send(
          'GET',
          '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentsessions.sweagent.dev',
        );
        expect(body.spec.names.kind).toBe('AgentSession');
        expect(body.status.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
      });
    });

    describe('a status that must stay small', () => {
      it('is stored beside a spec that is large', async () => {
        const inputs = Array.from({ length: 50 }, (_, index) => ({
          id: `i${index}`,
          message: 'm'.repeat(index < 6 ? 8192 : 2048),
        }));
        expect((await api.send('POST', sessionsPath, session('large', { inputs }))).code).toBe(201);
        const answer = await api.send('PATCH', `${sessionsPath}/large/status`, { status: { phase: 'Queued' } }, mergePatchType);
        expect(answer.body.spec.inputs).toHaveLength(50);
      });
    });
  });
}
