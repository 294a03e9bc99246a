import { describe, expect, it } from '@jest/globals';
import { check, repositoryProblem, sortProblems } from './check.ts';
import { type Draft, draftOf, EMPTY, fieldOf, readDraft, requestOf } from './draft.ts';

const filled: Draft = { ...EMPTY, goal: 'Fix it', repo_url: 'https://github.com/acme/shop.git' };

describe('the form for a new session', () => {
  it('sends nothing that was left empty', () => {
    expect(requestOf(filled)).toEqual({ goal: 'Fix it', repo_url: 'https://github.com/acme/shop.git' });
  });

  it('sends every field in the units of the server', () => {
    const draft: Draft = {
      goal: ' Fix it ',
      repo_url: '/u',
      ref: 'main',
      mode: 'review',
      profile: 'p',
      verify: 'npm test\n\n  npm run lint ',
      max_cost_usd: '2,50',
      max_steps: '10',
      max_tokens: '1000',
      timeout_minutes: '1.5',
      max_review_rounds: '2',
      sandbox_type: 'pod',
      image: 'python:3.12-slim',
      runtime_class_name: 'kata',
      branch: 'fix/it',
      push: false,
      planner: 'a',
      programmer: 'b',
      reviewer: 'c',
      depth: '0',
      credentials_secret: 's',
      priority: '-5',
      delete_after_days: '7',
    };
    expect(check(draft, true)).toEqual({});
    expect(requestOf(draft)).toEqual({
      goal: 'Fix it',
      repo_url: '/u',
      ref: 'main',
      mode: 'review',
      profile: 'p',
      verify: ['npm test', 'npm run lint'],
      limits: { max_cost_usd: 2.5, max_steps: 10, max_tokens: 1000, timeout_seconds: 90, max_review_rounds: 2 },
      sandbox: { type: 'pod', image: 'python:3.12-slim', runtime_class_name: 'kata' },
      publish: { branch: 'fix/it', push: false },
      role_profiles: { planner: 'a', programmer: 'b', reviewer: 'c' },
      depth: 0,
      credentials_secret: 's',
      priority: -5,
      ttl_seconds_after_finished: 604800,
    });
  });

  it('does not send what it does not show', () => {
    const draft = { ...filled, sandbox_type: 'local', image: 'python:3.12-slim', runtime_class_name: 'kata' };
    expect(requestOf(draft)).toMatchObject({ sandbox: { type: 'local' } });
    expect(JSON.stringify(requestOf(draft))).not.toMatch(/python|kata/);
  });

  it('is filled again as a session was, but for its branch, which is that session’s own', () => {
    const draft = draftOf({
      goal: 'Fix it',
      repo_url: '/u',
      mode: 'review',
      limits: { max_steps: 5, timeout_seconds: 600 },
      sandbox: { type: 'pod', image: 'i', runtime_class_name: 'kata' },
      publish: { branch: 'fix/it', push: false },
      role_profiles: { reviewer: 'r' },
      verify: ['a', 'b'],
      ttl_seconds_after_finished: 86400,
      // As it is when nobody says anything.
      depth: 1,
      priority: 0,
    });
    expect(draft).toEqual({
      ...EMPTY,
      goal: 'Fix it',
      repo_url: '/u',
      mode: 'review',
      max_steps: '5',
      timeout_minutes: '10',
      sandbox_type: 'pod',
      image: 'i',
      runtime_class_name: 'kata',
      push: false,
      reviewer: 'r',
      verify: 'a\nb',
      delete_after_days: '1',
    });
  });

  it('keeps a time to the second on its way through other units', () => {
    const draft = draftOf({ goal: 'g', repo_url: 'u', ttl_seconds_after_finished: 3600, limits: { timeout_seconds: 100 } });
    expect(draft).toMatchObject({ delete_after_days: '0.0416667', timeout_minutes: '1.66667' });
    expect(requestOf(draft)).toMatchObject({ ttl_seconds_after_finished: 3600, limits: { timeout_seconds: 100 } });
  });

  it('takes only what fits from a form that was kept', () => {
    expect(readDraft({ goal: 'Fix it', push: 'yes', ref: 7, other: 'x', mode: 'wild' })).toEqual({ ...EMPTY, goal: 'Fix it' });
    expect(readDraft(undefined)).toEqual(EMPTY);
  });
});

describe('the check of the form', () => {
  it.each<[keyof Draft, string, Partial<Draft>, RegExp]>([
    ['goal', 'is blank', { goal: ' ' }, /what should be achieved/],
    ['repo_url', 'is missing', { repo_url: '' }, /which repository/],
    ['ref', 'is too long', { ref: 'x'.repeat(256) }, /255/],
    ['max_steps', 'is nought', { max_steps: '0' }, /at least 1\./],
    ['max_steps', 'is no number', { max_steps: 'many' }, /whole number/],
    ['max_steps', 'is no whole number', { max_steps: '1.5' }, /whole number/],
    ['max_cost_usd', 'is below nought', { max_cost_usd: '-1' }, /at least 0/],
    ['timeout_minutes', 'is too long', { timeout_minutes: '99999999' }, /at most 43,200\./],
    ['timeout_minutes', 'is no number', { timeout_minutes: 'long' }, /a number/],
    ['delete_after_days', 'is too long', { delete_after_days: '1000' }, /at most 365\./],
    ['branch', 'has a blank', { branch: 'a b' }, /characters/],
    ['branch', 'is none for git', { branch: 'a..b' }, /branch name/],
    ['verify', 'has too many lines', { verify: Array.from({ length: 17 }, () => 'true').join('\n') }, /16/],
    ['verify', 'has a line too long', { verify: `npm test\n${'x'.repeat(1025)}` }, /command is too long.*: xxx/],
    ['priority', 'is too high', { priority: '1001' }, /at most 1,000/],
  ])('says so by the field when %s %s', (field, _how, part, said) => {
    const wrong = check({ ...filled, ...part }, true);
    expect(Object.keys(wrong)).toEqual([field]);
    expect(wrong[field]).toMatch(said);
  });

  it.each([
    ['not a url', /^This is neither a URL nor a path\./, /^This is no URL\./],
    ['engine', /nor a path/, /no URL/],
    ['~/engine', /nor a path/, /no URL/],
    ['/home/ada/engine', undefined, /no URL/],
    ['../engine', undefined, /no URL/],
    [' https://host/engine ', undefined, undefined],
    ['git@host:engine', undefined, undefined],
    ['ftp://host/engine', undefined, undefined],
    ['', undefined, undefined],
  ])('says of the repository %j what it is not, with paths and without', (typed, withPaths, without) => {
    const said = (localPaths: boolean) => repositoryProblem(typed, localPaths);
    for (const [told, expected] of [
      [said(true), withPaths],
      [said(false), without],
    ]) {
      if (expected === undefined) expect(told).toBeUndefined();
      else expect(told).toMatch(expected);
    }
    const sent = check({ ...filled, repo_url: typed || filled.repo_url }, true);
    expect(sent.repo_url).toBe(said(true));
  });

  it('puts what the server says to the field where it was typed, and the rest above', () => {
    const { wrong, rest } = sortProblems([
      { field: 'repo_url', message: 'must be an address, unlike "x"' },
      { field: 'limits.timeout_seconds', message: 'is too long.' },
      { field: 'verify[1]', message: 'must not be empty' },
      { field: 'something', message: 'is odd' },
    ]);
    expect(wrong).toEqual({
      repo_url: 'Must be an address, unlike "x".',
      timeout_minutes: 'Is too long.',
      verify: 'Must not be empty.',
    });
    expect(rest).toEqual(['something is odd']);
  });

  it('knows where every field of a request is typed', () => {
    const request = requestOf({ ...filled, ref: 'r', image: 'i', branch: 'b', max_steps: '1', planner: 'p' });
    const paths = Object.entries(request).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.keys(value).map((inner) => `${name}.${inner}`)
        : [name],
    );
    expect(paths.filter((path) => fieldOf(path) === undefined)).toEqual([]);
  });
});
