import { describe, expect, it } from '@jest/globals';
import { TestGateway } from '../test/support/gateway.ts';
import { hostAllowed } from './http/guard.ts';

const TOKEN = 'a-long-token-that-nobody-guesses';
const BODY = { goal: 'g', repo_url: 'https://example.com/r.git' };
const token = { auth: { mode: 'token', token: TOKEN } } as const;

describe('with a token', () => {
  it('nothing about sessions is told or done without it', async () => {
    await using gateway = await TestGateway.start(token);
    const id = '550e8400-e29b-41d4-a716-446655440000';
    const requests: [string, string][] = [
      ['GET', '/agent/sessions'],
      ['POST', '/agent/sessions'],
      ['POST', '/agent/tasks'],
      ['GET', `/agent/sessions/${id}`],
      ['DELETE', `/agent/sessions/${id}`],
      ['POST', `/agent/tasks/${id}/approve`],
      ['POST', `/agent/sessions/${id}/input`],
      ['PATCH', `/agent/sessions/${id}/limits`],
      ['GET', `/agent/sessions/${id}/events`],
      ['GET', `/agent/sessions/${id}/diff`],
      ['GET', `/agent/sessions/${id}/blobs/x`],
      ['GET', '/metrics'],
    ];
    for (const [method, path] of requests) {
      const answer = await gateway.send(path, { method });
      expect([method, path, answer.status]).toEqual([method, path, 401]);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="swe-agent"');
    }
    for (const path of ['/', '/healthz', '/readyz', '/openapi.json']) expect((await gateway.get(path)).status).toBe(200);
  });

  it.each([
    ['Bearer wrong', 401],
    ['Bearer', 401],
    [`Basic ${TOKEN}`, 401],
    [`Bearer ${TOKEN}x`, 401],
    [`Bearer ${TOKEN}`, 200],
    [`bearer ${TOKEN}`, 200],
  ])('"Authorization: %s" is answered with %i', async (authorization, status) => {
    await using gateway = await TestGateway.start(token);
    expect((await gateway.get('/agent/sessions', { authorization })).status).toBe(status);
  });

  it('a browser logs in once and then needs only its cookie, until it logs out', async () => {
    await using gateway = await TestGateway.start(token);
    const login = await gateway.post('/login', { token: TOKEN });
    expect(login.status).toBe(204);
    const set = login.headers['set-cookie']?.[0] ?? '';
    expect(set).toMatch(/; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    expect(set).not.toContain(TOKEN);
    const cookie = `other=1; ${set.split(';', 1)[0]}`;
    expect((await gateway.get('/agent/sessions', { cookie })).status).toBe(200);
    expect((await gateway.post('/agent/sessions', BODY, { cookie })).status).toBe(201);
    const logout = await gateway.post('/logout', undefined, { cookie });
    expect(logout.headers['set-cookie']?.[0]).toContain('Max-Age=0');
  });

  it('a wrong token does not log in, and is not repeated', async () => {
    await using gateway = await TestGateway.start(token);
    for (const wrong of ['guess-1', 5, undefined, '']) {
      const answer = await gateway.post('/login', { token: wrong });
      expect(answer.status).toBe(401);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.text).not.toContain('guess-1');
    }
  });

  it('a cookie ends by itself, with another token, and when it was changed', async () => {
    let now = Date.now();
    await using gateway = await TestGateway.start({ ...token, now: () => now });
    await using other = await TestGateway.start({ auth: { mode: 'token', token: 'another' } });
    const login = await gateway.post('/login', { token: TOKEN });
    const cookie = login.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    expect((await gateway.get('/agent/sessions', { cookie })).status).toBe(200);
    expect((await other.get('/agent/sessions', { cookie })).status).toBe(401);
    const later = cookie.replace(/=(\d+)/, (_, seconds: string) => `=${Number(seconds) + 1}`);
    expect((await gateway.get('/agent/sessions', { cookie: later })).status).toBe(401);
    now += 31 * 24 * 3600 * 1000;
    expect((await gateway.get('/agent/sessions', { cookie })).status).toBe(401);
  });

  it('an empty one is refused at the start', async () => {
    await expect(TestGateway.start({ auth: { mode: 'token', token: '' } })).rejects.toThrow('must not be empty');
  });
});

describe.each([
  ['without authentication', {}, {}],
  ['with a token', token, { authorization: `Bearer ${TOKEN}` }],
])('a request of another web site, %s,', (_, options, headers) => {
  it('changes nothing', async () => {
    await using gateway = await TestGateway.start(options);
    const post = (more: Record<string, string>) => gateway.post('/agent/sessions', BODY, { ...headers, ...more });
    const own = new URL(gateway.url).host;
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://localhost:3000` },
      { origin: 'http://127.0.0.1:1' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { host: 'evil.example' },
      { host: 'evil.example', origin: 'http://evil.example' },
      { host: `localhost.evil.example:${own.split(':')[1]}` },
      { host: `127.0.0.1.evil.example` },
      { host: 'user@127.0.0.1' },
      { host: '192.168.0.7' },
    ];
    for (const one of foreign) {
      const answer = await post(one);
      expect([one, answer.status]).toEqual([one, 403]);
    }
    expect(await gateway.objects()).toEqual([]);
    for (const one of [{}, { origin: `http://${own}` }, { origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }]) {
      expect([one, (await post(one)).status]).toEqual([one, 201]);
    }
    const named = `localhost:${own.split(':')[1]}`;
    expect((await post({ host: named, origin: `http://${named}` })).status).toBe(201);
  });

  it('cannot log in or out, or read by another name', async () => {
    await using gateway = await TestGateway.start(options);
    for (const path of ['/login', '/logout']) {
      expect((await gateway.post(path, { token: TOKEN }, { origin: 'https://evil.example' })).status).toBe(403);
    }
    expect((await gateway.get('/agent/sessions', { ...headers, host: 'evil.example' })).status).toBe(403);
  });
});

describe('the Host header', () => {
  const open = { loopback: () => false, allowedHosts: ['agent.example.com', '.corp.example'] };
  const loopback = { loopback: () => true, allowedHosts: [] };

  it.each(['localhost', 'localhost:8000', '127.0.0.1:8000', '[::1]:8000', 'localhost.'])(
    '%s always names this server',
    (host) => {
      expect([hostAllowed(host, open), hostAllowed(host, loopback)]).toEqual([true, true]);
    },
  );

  it.each(['10.0.0.7:8000', '[fd00::1]', 'swe-agent', 'swe-agent:8000', 'swe-agent.default.svc', 'a.b.svc.cluster.local'])(
    '%s names it where others can connect',
    (host) => {
      expect([hostAllowed(host, open), hostAllowed(host, loopback)]).toEqual([true, false]);
    },
  );

  it.each(['agent.example.com', 'AGENT.example.com:443', 'a.corp.example', 'a.b.corp.example'])(
    '%s names it when it is allowed',
    (host) => {
      expect([hostAllowed(host, open), hostAllowed(host, loopback)]).toEqual([true, false]);
    },
  );

  it.each([
    '',
    'evil.example',
    'example.com',
    'xagent.example.com',
    'localhost/x',
    'a b',
    'svc.evil.example',
    '127.0.0.1@evil.example',
  ])('%j never does', (host) => {
    expect([hostAllowed(host, open), hostAllowed(host, loopback)]).toEqual([false, false]);
  });
});

describe('every answer', () => {
  it('has headers that keep browsers from misusing it', async () => {
    await using gateway = await TestGateway.start();
    for (const path of ['/', '/agent/sessions', '/nothing', '/agent/sessions/unknown']) {
      const { headers } = await gateway.get(path);
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});
