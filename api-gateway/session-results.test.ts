import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestGateway } from '../test/support/gateway.ts';
import { COMPLETED_STATUS, PLAN, PUBLISHED } from '../test/support/session-events.ts';

const STARTED = { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'auto' } as const;
const PATCH = 'diff --git a/sum.js b/sum.js\n--- a/sum.js\n+++ b/sum.js\n@@ -1 +1 @@\n-a - b\n+a + b // naïve\n';
const BUNDLE = Buffer.from([0x23, 0x20, 0x76, 0x00, 0xff, 0xfe]);

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

async function published(): Promise<{ id: string; uid: string }> {
  const id = await gateway.started();
  const uid = (await gateway.object(id)).metadata.uid ?? '';
  const patch = await gateway.blobs.put(uid, Buffer.from(PATCH));
  const bundle = await gateway.blobs.put(uid, BUNDLE);
  await gateway.happen(id, STARTED, { ...PUBLISHED, patch, bundle });
  return { id, uid };
}

describe('results', () => {
  it('are the patch and the bundle that were published', async () => {
    const { id } = await published();
    const diff = await gateway.get(`/agent/sessions/${id}/diff`);
    expect([diff.status, diff.headers['content-type'], diff.text]).toEqual([200, 'text/x-diff; charset=utf-8', PATCH]);
    const bundle = await gateway.get(`/agent/tasks/${id}/bundle`);
    expect(bundle.headers).toMatchObject({
      'content-type': 'application/x-git-bundle',
      'content-disposition': `attachment; filename="${id}.bundle"`,
    });
    expect(bundle.bytes).toEqual(BUNDLE);
  });

  it.each(['diff', 'bundle', 'plan'])('%s is not there yet before', async (what) => {
    const answer = await gateway.get(`/agent/sessions/${await gateway.started()}/${what}`);
    expect(answer.status).toBe(404);
    expect(answer.json()).toMatchObject({ type: 'urn:swe-agent:problem:not-there-yet' });
  });

  it('say that there is none when the session ended without one', async () => {
    const id = await gateway.started();
    await gateway.setStatus(id, { ...COMPLETED_STATUS, phase: 'Failed' });
    const answer = await gateway.get(`/agent/sessions/${id}/diff`);
    expect(answer.json()).toMatchObject({ status: 404, detail: 'The session ended without a result.' });
  });

  it('are a problem of the store when it lost them', async () => {
    const id = await gateway.started();
    await gateway.happen(id, STARTED, PUBLISHED);
    expect((await gateway.get(`/agent/sessions/${id}/diff`)).json()).toMatchObject({
      status: 404,
      type: expect.stringContaining('no-such-blob'),
    });
  });
});

describe('the plan', () => {
  it('has what the log knows of it', async () => {
    const id = await gateway.started();
    await gateway.happen(id, STARTED, PLAN, { type: 'plan.updated', steps: [{ id: 's1', status: 'completed' }] });
    expect((await gateway.get(`/agent/sessions/${id}/plan`)).json()).toEqual({
      revision: 1,
      title: 'Mend the sum',
      steps: [
        { id: 's1', title: 'Write a test', details: 'It fails first.', status: 'completed' },
        { id: 's2', title: 'Change sum.js', status: 'pending' },
      ],
      checks: ['npm test'],
      approved: false,
      waiting_for_approval: false,
    });
  });
});

describe('blobs', () => {
  it('are text or bytes, as they are, and never a page', async () => {
    const id = await gateway.started();
    const uid = (await gateway.object(id)).metadata.uid ?? '';
    const text = await gateway.blobs.put(uid, Buffer.from('<script>alert(1)</script>'));
    const bytes = await gateway.blobs.put(uid, BUNDLE);
    const one = await gateway.get(`/agent/sessions/${id}/blobs/${text.blob}`);
    expect([one.headers['content-type'], one.text]).toEqual(['text/plain; charset=utf-8', '<script>alert(1)</script>']);
    expect(one.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': expect.stringContaining('immutable'),
      vary: 'Authorization, Cookie',
    });
    const two = await gateway.get(`/agent/sessions/${id}/blobs/${bytes.blob}`);
    expect([two.headers['content-type'], two.bytes]).toEqual(['application/octet-stream', BUNDLE]);
  });

  it('are those of the session, and nothing else of the disk', async () => {
    const { uid } = await published();
    const foreign = await gateway.blobs.put(uid, Buffer.from('of another session'));
    const id = await gateway.started();
    for (const ref of [foreign.blob, 'sha256-0', '..%2f..%2flog.db', 'SHA256', `${foreign.blob}%00`]) {
      expect([ref, (await gateway.get(`/agent/sessions/${id}/blobs/${ref}`)).status]).toEqual([ref, 404]);
    }
  });
});
