import { describe, expect, it } from '@jest/globals';
import { readSessionSummary } from '../api/session-summary.ts';
import { choices, countViews, EVERYTHING, matching, readQuery, sorted, writeQuery } from './list-query.ts';

const session = (given: object) => readSessionSummary({ repo_url: 'https://github.com/acme/shop.git', ...given });

describe('the query of the list', () => {
  it('survives the way through an address', () => {
    const query = { view: 'attention', text: 'login ü&=', repository: 'acme/shop', author: 'ada', order: 'cost' } as const;
    expect(readQuery(new URLSearchParams(writeQuery(query).toString()))).toEqual(query);
  });

  it('leaves an address bare when nothing is chosen', () => {
    expect(writeQuery(EVERYTHING).toString()).toBe('');
  });

  it('takes an address with what it does not know for one without', () => {
    expect(readQuery(new URLSearchParams('status=nonsense&sort=colour&x=1'))).toEqual(EVERYTHING);
  });
});

describe('the list', () => {
  it('finds sessions that have all words somewhere', () => {
    const all = [session({ id: 'a', goal: 'Fix the Login', author: 'ada' }), session({ id: 'b', goal: 'Fix the parser' })];
    const find = (text: string) => matching(all, { ...EVERYTHING, text }).map((one) => one.id);
    expect(find('fix LOGIN')).toEqual(['a']);
    expect(find('ada shop')).toEqual(['a']);
    expect(find('fix')).toEqual(['a', 'b']);
    expect(find('login parser')).toEqual([]);
  });

  it('filters by repository and author', () => {
    const all = [
      session({ id: 'a', author: 'ada' }),
      session({ id: 'b', author: 'ada', repo_url: 'git@github.com:acme/infra.git' }),
    ];
    const found = matching(all, { text: '', repository: 'acme/infra', author: 'ada' });
    expect(found.map((one) => one.id)).toEqual(['b']);
  });

  it('counts a session in every view that shows it', () => {
    const counts = countViews(['PAUSED', 'WAITING_FOR_USER', 'QUEUED', 'FAILED'].map((status) => session({ status })));
    expect(counts).toEqual({ all: 4, attention: 2, active: 1, completed: 0, failed: 1, cancelled: 0 });
  });

  it('puts equals newest first, whatever the order', () => {
    const all = [
      session({ id: 'old', created_at: '2026-01-01T00:00:00Z', usage: { cost_usd: 1 } }),
      session({ id: 'dear', created_at: '2025-01-01T00:00:00Z', usage: { cost_usd: 2 } }),
      session({ id: 'new', created_at: '2026-02-01T00:00:00Z', usage: { cost_usd: 1 } }),
    ];
    expect(sorted(all, 'cost').map((one) => one.id)).toEqual(['dear', 'new', 'old']);
    expect(sorted(all, 'oldest').map((one) => one.id)).toEqual(['dear', 'old', 'new']);
  });

  it('offers the most frequent choice first and nothing empty', () => {
    expect(choices(['b', 'a', 'b', null, ''])).toEqual([
      { value: 'b', count: 2 },
      { value: 'a', count: 1 },
    ]);
  });
});
