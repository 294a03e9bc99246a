import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Phase } from '../operator/api/resources.ts';
import { TestGateway } from '../test/support/gateway.ts';

const PHASES: Phase[] = ['Queued', 'Planning', 'WaitingForUser', 'Programming', 'Completed', 'Failed', 'Paused', 'Cancelled'];

let gateway: TestGateway;
const ids: Record<string, string> = {};
beforeAll(async () => {
  gateway = await TestGateway.start();
  for (const phase of PHASES) {
    ids[phase] = await gateway.started();
    await gateway.setStatus(ids[phase], { phase });
  }
  ids.New = await gateway.started();
  const task = await gateway.post('/agent/tasks', { goal: 'g', repo_url: 'https://example.com/r.git' });
  ids.Task = task.headers.location?.split('/').at(-1) ?? '';
});
afterAll(() => gateway.close());

async function list(path: string): Promise<{ ids: string[]; next: string | null }> {
  const { items, continue: next } = Object((await gateway.get(path)).json());
  return { ids: items.map(({ id }: { id: string }) => id).sort(), next };
}

describe('a list', () => {
  it('has every session, without its log', async () => {
    const answer = await gateway.get('/agent/sessions');
    const { items } = Object(answer.json());
    expect(items).toHaveLength(10);
    const newest = items.find(({ id }: { id: string }) => id === ids.New);
    expect(newest).toMatchObject({ goal: 'Mend the sum', repo_url: 'https://example.com/r.git' });
    expect(items.every((item: object) => !('logs' in item))).toBe(true);
    const created = items.map((item: { created_at: string }) => item.created_at);
    expect(created).toEqual([...created].sort().reverse());
  });

  it.each([
    ['QUEUED', ['Queued', 'New', 'Task']],
    ['RUNNING', ['Planning', 'Programming']],
    ['WAITING_FOR_USER', ['WaitingForUser']],
    ['COMPLETED', ['Completed']],
    ['FAILED', ['Failed']],
    ['PAUSED', ['Paused']],
    ['cancelled', ['Cancelled']],
  ])('of those that are %s has %j', async (status, names) => {
    expect((await list(`/agent/sessions?status=${status}`)).ids).toEqual(names.map((name) => ids[name]).sort());
  });

  it('of tasks has those that came through the tasks endpoints', async () => {
    expect((await list('/agent/tasks')).ids).toEqual([ids.Task]);
  });

  it.each([
    ['limit=4', [4, 4, 2], () => Object.values(ids)],
    ['limit=5', [5, 5], () => Object.values(ids)],
    ['limit=1&status=QUEUED', [1, 1, 1], () => [ids.Queued, ids.New, ids.Task]],
    ['limit=2&status=QUEUED', [2, 1], () => [ids.Queued, ids.New, ids.Task]],
    ['limit=3&status=QUEUED', [3], () => [ids.Queued, ids.New, ids.Task]],
  ])('with %s comes in pages of %j', async (query, sizes, expected) => {
    const seen: string[] = [];
    const counts: number[] = [];
    for (let path = `/agent/sessions?${query}`; ; ) {
      const page = await list(path);
      counts.push(page.ids.length);
      seen.push(...page.ids);
      if (page.next === null) break;
      path = `/agent/sessions?${query}&continue=${encodeURIComponent(page.next)}`;
    }
    expect(counts).toEqual(sizes);
    expect(seen.sort()).toEqual(expected().sort());
  });

  it('does not go on from a place that is none', async () => {
    expect((await gateway.get('/agent/sessions?continue=nonsense')).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'continue' }],
    });
  });
});
