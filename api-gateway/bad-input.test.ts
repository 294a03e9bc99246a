import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestGateway } from '../test/support/gateway.ts';

const URL = 'https://example.com/r.git';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(async () => {
  // Nothing that was refused became an object.
  expect(await gateway.objects()).toEqual([]);
  await gateway.close();
});

describe.each(['sessions', 'tasks'])('POST /agent/%s', (family) => {
  const post = (body: unknown, headers?: Record<string, string>) => gateway.post(`/agent/${family}`, body, headers);

  it.each<[string, unknown, string, string]>([
    ['an empty goal', { goal: '', repo_url: URL }, 'goal', 'must not be empty'],
    ['a blank goal', { goal: ' \n\t', repo_url: URL }, 'goal', 'must not be blank'],
    ['no goal', { repo_url: URL }, 'goal', 'is missing; it must be given'],
    ['a null goal', { goal: null, repo_url: URL }, 'goal', 'is missing; it must be given'],
    [
      'a goal of 200 KB',
      { goal: 'x'.repeat(204_800), repo_url: URL },
      'goal',
      'has 204800 characters; at most 32768 are allowed',
    ],
    ['a goal that is no text', { goal: 5, repo_url: URL }, 'goal', 'must be a string, not 5'],
    ['a list as goal', { goal: ['a'], repo_url: URL }, 'goal', 'must be a string, not a list'],
    ['no repo_url', { goal: 'g' }, 'repo_url', 'is missing; it must be given'],
    ['no repo_url but a ref', { goal: 'g', ref: 'main' }, 'repo_url', 'is missing; it must be given'],
    ['a repo_url that is no text', { goal: 'g', repo_url: {} }, 'repo_url', 'must be a string, not an object'],
    ['the helper ext::', { goal: 'g', repo_url: 'ext::sh -c id' }, 'repo_url', 'ext::'],
    ['an option as URL', { goal: 'g', repo_url: '--upload-pack=id' }, 'repo_url', 'begins with a dash'],
    ['a file URL where none is allowed', { goal: 'g', repo_url: 'file:///etc' }, 'repo_url', 'allowed here: https and ssh'],
    ['a path where none is allowed', { goal: 'g', repo_url: '/etc' }, 'repo_url', 'allowed here: https and ssh'],
    ['a credential in the URL', { goal: 'g', repo_url: 'https://u:hunter2@example.com/r' }, 'repo_url', 'credentials_secret'],
    ['an option as ref', { goal: 'g', repo_url: URL, ref: '--orphan' }, 'ref', 'begins with a dash'],
    ['an unknown mode', { goal: 'g', repo_url: URL, mode: 'yolo' }, 'mode', 'must be one of auto, review, not "yolo"'],
    ['a field in camel case', { goal: 'g', repo_url: URL, repoUrl: URL }, 'repoUrl', 'did you mean repo_url?'],
    ['a field with a slip', { goal: 'g', repo_url: URL, modle: 'auto' }, 'modle', 'did you mean mode?'],
    ['a field like nothing there is', { goal: 'g', repo_url: URL, colour: 1 }, 'colour', 'possible here: goal, repo_url'],
    ['an author', { goal: 'g', repo_url: URL, author: 'eve' }, 'author', 'is filled in by the server'],
    ['a field of every object', { goal: 'g', repo_url: URL, constructor: 1 }, 'constructor', 'is not a field here'],
    ['limits that are no object', { goal: 'g', repo_url: URL, limits: 5 }, 'limits', 'must be an object, not 5'],
    ['a limit out of range', { goal: 'g', repo_url: URL, limits: { max_steps: 0 } }, 'limits.max_steps', 'must be at least 1'],
    ['an unknown limit', { goal: 'g', repo_url: URL, limits: { max_step: 1 } }, 'limits.max_step', 'did you mean max_steps?'],
    ['a deep mistake', { goal: 'g', repo_url: URL, sandbox: { env: [{ name: 'A' }] } }, 'sandbox.env[0].value', 'is missing'],
    ['a message without text', { goal: 'g', repo_url: URL, inputs: [{}] }, 'inputs[0].message', 'is missing'],
    ['too many commands', { goal: 'g', repo_url: URL, verify: Array(17).fill('a') }, 'verify', 'has 17 items; at most 16'],
  ])('names the field of %s', async (_, body, field, message) => {
    const answer = await post(body);
    expect(answer.status).toBe(422);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({
      type: 'urn:swe-agent:problem:invalid-request',
      status: 422,
      errors: [{ field, message: expect.stringContaining(message) }],
    });
    expect(answer.text).not.toContain('hunter2');
    expect(answer.text.length).toBeLessThan(2000);
  });

  it.each<[string, unknown, string, string]>([
    ['a branch', { publish: { branch: 'a..b' } }, 'publish.branch', 'branch must be a valid git branch name'],
    ['a sandbox', { sandbox: { type: 'local', runtime_class_name: 'kata' } }, 'sandbox', 'only possible with type pod'],
  ])('names the field of %s that only the API refuses', async (_, more, field, message) => {
    const answer = await post({ goal: 'g', repo_url: URL, ...Object(more) });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field, message: expect.stringContaining(message) }] });
  });

  it('names every field at once', async () => {
    const answer = await post({ goal: '', mode: 1, colour: 2 });
    const fields = Object(answer.json()).errors.map((error: { field: string }) => error.field);
    expect(fields.sort()).toEqual(['colour', 'goal', 'mode', 'mode', 'repo_url']);
  });

  it.each([
    ['malformed JSON', '{"goal": "x", }', 'broken at position'],
    ['half a body', '{"goal": "my-secret', 'must be a JSON object'],
    ['a list', '[]', 'must be a JSON object'],
    ['a number', '5', 'must be a JSON object'],
  ])('answers %s with 400 and does not repeat it', async (_, body, detail) => {
    const answer = await post(body, { 'content-type': 'application/json' });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      type: 'urn:swe-agent:problem:malformed-json',
      detail: expect.stringContaining(detail),
    });
    expect(answer.text).not.toContain('my-secret');
  });

  it('answers a body of 2 MB with 413', async () => {
    const answer = await post({ goal: 'x'.repeat(2 * 1024 * 1024), repo_url: URL });
    expect(answer.status).toBe(413);
    expect(answer.json()).toMatchObject({ detail: 'Send at most 1048576 bytes.' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined])(
    'answers a body of type %s with 415',
    async (type) => {
      const answer = await post('{"goal":"g"}', type === undefined ? {} : { 'content-type': type });
      expect(answer.status).toBe(415);
      expect(answer.json()).toMatchObject({ detail: expect.stringContaining('Content-Type: application/json') });
    },
  );

  it('answers a charset that it does not know with 415', async () => {
    expect((await post('{}', { 'content-type': 'application/json; charset=klingon' })).status).toBe(415);
  });

  it('answers an Idempotency-Key that can be none with 422', async () => {
    const answer = await post({ goal: 'g', repo_url: URL }, { 'Idempotency-Key': 'a b' });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'Idempotency-Key' }] });
  });
});

describe('an id', () => {
  it.each([
    '',
    '/approve',
    '/input',
    '/cancel',
    '/suspend',
    '/resume',
    '/plan',
    '/diff',
    '/bundle',
    '/events',
    `/blobs/sha256-${'0'.repeat(64)}`,
  ])('that is unknown is answered with 404, that is malformed with 400 (…%s)', async (path) => {
    const write = ['/approve', '/input', '/cancel', '/suspend', '/resume'].includes(path);
    const request = write ? { method: 'POST', body: path === '/input' ? { message: 'm' } : {} } : {};
    const unknown = await gateway.send(`/agent/sessions/550e8400-e29b-41d4-a716-446655440000${path}`, request);
    expect([unknown.status, unknown.json()]).toMatchObject([404, { type: 'urn:swe-agent:problem:no-such-session' }]);
    for (const id of ['Upper', '..%2f..%2fsecrets%2fx', 'a%00b', `${'a'.repeat(254)}`, '-x', 'a%20b']) {
      const malformed = await gateway.send(`/agent/sessions/${id}${path}`, request);
      expect([id, malformed.status]).toEqual([id, 400]);
    }
  });

  it('that is unknown is told in the words of the door that was used', async () => {
    const detail = async (family: string) => Object((await gateway.get(`/agent/${family}/nobody`)).json()).detail;
    expect(await detail('tasks')).toBe('There is no task nobody. GET /agent/tasks lists those there are.');
    expect(await detail('sessions')).toBe('There is no session nobody. GET /agent/sessions lists those there are.');
  });

  it('that is no URL text at all is answered with 400', async () => {
    const answer = await gateway.get('/agent/sessions/%ff');
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });
});

describe('an address', () => {
  it('that does not exist is answered with 404', async () => {
    for (const path of ['/agent', '/agent/session', '/agent/sessions/a/b/c', '/favicon.ico', '/.env', '/..%2f..%2fetc/passwd']) {
      const answer = await gateway.get(path);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        404,
        'application/problem+json; charset=utf-8',
      ]);
    }
  });

  it.each([
    ['PUT', '/agent/sessions', 'POST, GET, HEAD, OPTIONS'],
    ['DELETE', '/agent/tasks', 'POST, GET, HEAD, OPTIONS'],
    ['GET', '/agent/sessions/a/approve', 'POST, OPTIONS'],
    ['POST', '/agent/sessions/a', 'GET, DELETE, HEAD, OPTIONS'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
    ['GET', '/login', 'POST, OPTIONS'],
  ])('with another method is answered with 405: %s %s', async (method, path, allow) => {
    const answer = await gateway.send(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allow);
  });

  it('says what it can', async () => {
    const answer = await gateway.send('/agent/sessions/a', { method: 'OPTIONS' });
    expect([answer.status, answer.headers.allow]).toEqual([204, 'GET, DELETE, HEAD, OPTIONS']);
  });
});

describe('lists', () => {
  it.each([
    ['status=DONE', 'status', 'must be one of QUEUED, RUNNING'],
    ['status=RUNNING&status=FAILED', 'status', 'must be one of'],
    ['limit=0', 'limit', 'from 1 to 500'],
    ['limit=501', 'limit', 'from 1 to 500'],
    ['limit=ten', 'limit', 'from 1 to 500'],
    ['page=2', 'page', 'is not a parameter here'],
  ])('refuse ?%s', async (query, field, message) => {
    const answer = await gateway.get(`/agent/sessions?${query}`);
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field, message: expect.stringContaining(message) }] });
  });
});

describe('where local repositories are allowed', () => {
  it('file URLs and paths are taken, and helpers and options are not', async () => {
    await using local = await TestGateway.start({ allowLocalRepositories: true });
    const post = async (repo_url: string) => (await local.post('/agent/sessions', { goal: 'g', repo_url })).status;
    expect(await Promise.all(['file:///srv/r.git', '/srv/my repo', './r'].map(post))).toEqual([201, 201, 201]);
    expect(await Promise.all(['ext::sh -c id', '--upload-pack=id', 'fd::3'].map(post))).toEqual([422, 422, 422]);
  });
});
