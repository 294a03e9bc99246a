import { afterEach, describe, expect, it } from '@jest/globals';
import { EventSource } from '../test/support/event-source.ts';
import { TestGateway } from '../test/support/gateway.ts';
import { holdTimers, turns } from '../test/support/held-timers.ts';
import { EndedLogins } from './http/ended-logins.ts';
import { LoginTries } from './http/login-tries.ts';
import { Problem } from './http/problem.ts';

const TOKEN = 'a-long-token-that-nobody-guesses';
const auth = { mode: 'token', token: TOKEN } as const;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function started(options: Parameters<typeof TestGateway.start>[0] = {}) {
  let now = Date.parse('2030-01-01T00:00:00Z');
  const gateway = await TestGateway.start({ auth, now: () => now, ...options });
  open.push(gateway);
  const login = (token: string = TOKEN, headers: Record<string, string> = {}) => gateway.post('/login', { token }, headers);
  const cookieOf = async () => (await login()).headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
  const seen = async (cookie: string) => (await gateway.get('/agent/sessions', { cookie })).status;
  return { gateway, login, cookieOf, seen, pass: (ms: number) => (now += ms) };
}

describe('logging in', () => {
  it('has to be waited for after a few wrong tokens, longer each time, also with the right one', async () => {
    const { login, pass } = await started();
    for (let tries = 0; tries < 5; tries++) expect((await login('wrong')).status).toBe(401);
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const refused = await login();
      expect(refused.json()).toMatchObject({
        status: 429,
        type: 'urn:swe-agent:problem:too-many-logins',
        detail: `Too many logins from 127.0.0.1 failed. Try again in ${seconds} s.`,
      });
      expect(refused.headers['retry-after']).toBe(String(seconds));
      pass(seconds * 1_000 - 1);
      expect((await login()).status).toBe(429);
      pass(1);
      expect((await login('wrong')).status).toBe(401);
    }
    pass(60_000);
    expect((await login()).status).toBe(204);
    for (let tries = 0; tries < 5; tries++) expect((await login('wrong')).status).toBe(401);
  });

  it('is forgotten after a while', async () => {
    const { login, pass } = await started();
    for (let tries = 0; tries < 5; tries++) await login('wrong');
    pass(15 * 60_000);
    for (let tries = 0; tries < 5; tries++) expect((await login('wrong')).status).toBe(401);
  });

  it('of one address is nothing to another, as a known proxy tells them apart and nobody else', async () => {
    for (const [trustedProxies, apart] of [
      [['127.0.0.1', '10.0.0.0/8'], true],
      [[], false],
    ] as const) {
      const { login } = await started({ trustedProxies });
      const from = (address: string) => ({ 'x-forwarded-for': `1.1.1.1, ${address}, 10.0.0.7` });
      for (let tries = 0; tries < 6; tries++) await login('wrong', from('203.0.113.5'));
      expect((await login(TOKEN, from('203.0.113.5'))).status).toBe(429);
      expect((await login(TOKEN, from('203.0.113.6'))).status).toBe(apart ? 204 : 429);
    }
  });

  it('is no way to fill the memory', async () => {
    const tries = new LoginTries(() => 0);
    const wrong = (address: string) =>
      tries.allow(address, () => Promise.reject(new Problem(401, 'wrong-token', ''))).catch((error: Problem) => error.status);
    for (let one = 0; one < 5; one++) await wrong('203.0.113.5');
    for (let one = 0; one < 5; one++) await wrong('2001:db8:1:2::5');
    expect([await wrong('203.0.113.5'), await wrong('2001:db8:1:2:9::1'), await wrong('2001:db8:1:3::5')]).toEqual([
      429, 429, 401,
    ]);
    for (let address = 0; address < 10_000; address++) await wrong(`10.0.${address >> 8}.${address & 255}`);
    expect(await wrong('203.0.113.5')).toBe(401);
  });

  it('counts tries that are made at once', async () => {
    const { login } = await started();
    const answers = await Promise.all(Array.from({ length: 20 }, () => login('wrong')));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
  });
});

describe('logging out', () => {
  it('ends the login for copies of its cookie too, and no other', async () => {
    const { gateway, cookieOf, seen } = await started();
    const [one, other] = [await cookieOf(), await cookieOf()];
    expect([await seen(one), await seen(other)]).toEqual([200, 200]);
    const logout = await gateway.post('/logout', undefined, { cookie: one });
    expect([logout.status, logout.headers['set-cookie']?.[0]]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    expect([await seen(one), await seen(other)]).toEqual([401, 200]);
    expect((await gateway.post('/logout', undefined, { cookie: one })).status).toBe(204);
    expect((await gateway.post('/logout')).status).toBe(204);
  });

  it('ends the streams of the login within a minute, and those of no other', async () => {
    const { gateway, cookieOf } = await started();
    const cookies = [await cookieOf(), await cookieOf()];
    using timers = holdTimers();
    const url = `${gateway.url}/agent/sessions?watch=true`;
    const sources: EventSource[] = [];
    for (const cookie of cookies) sources.push(await EventSource.open(url, { cookie }));
    open.unshift(...sources);
    const ended = sources.map(() => false);
    for (const [index, source] of sources.entries()) {
      source.ended.then(() => {
        ended[index] = true;
      }, undefined);
      await turns(() => source.events.some(({ event }) => event === 'synced'));
    }
    // The other stream was opened first, so it would end first if it ended.
    await gateway.post('/logout', undefined, { cookie: cookies[1] ?? '' });
    timers.pass(60_000);
    await turns(() => ended[1] === true);
    expect(ended).toEqual([false, true]);
  });

  it('is remembered for as long as the login would have lasted, and only so many times', () => {
    let now = 0;
    const ended = new EndedLogins(() => now);
    ended.end('a', 1_000);
    expect(ended.has('a')).toBe(true);
    now = 1_000;
    expect(ended.has('a')).toBe(false);
    for (let one = 0; one <= 10_000; one++) ended.end(`b${one}`, 5_000);
    expect([ended.has('b0'), ended.has('b1'), ended.has('b10000')]).toEqual([false, true, true]);
  });
});

describe('the cookie', () => {
  it.each<[readonly string[], [Record<string, string>, boolean][]]>([
    [
      [],
      [
        [{}, false],
        [{ 'x-forwarded-proto': 'https' }, true],
        [{ 'x-forwarded-proto': 'http, https' }, false],
        [{ origin: 'https' }, true],
        [{ origin: 'http' }, false],
      ],
    ],
    [['127.0.0.1'], [[{ 'x-forwarded-proto': 'HTTPS, http' }, true]]],
    [
      ['10.0.0.0/8'],
      [
        [{ 'x-forwarded-proto': 'https' }, false],
        [{ origin: 'https' }, true],
      ],
    ],
  ])('comes back over TLS alone where the browser spoke TLS, with %j as proxies', async (trustedProxies, rows) => {
    const { gateway, login } = await started({ trustedProxies });
    for (const [headers, secure] of rows) {
      const origin = headers.origin && { origin: `${headers.origin}://${new URL(gateway.url).host}` };
      const set = (await login(TOKEN, { ...headers, ...origin })).headers['set-cookie']?.[0] ?? '';
      expect([headers, set.includes('; SameSite=Strict'), set.endsWith('; Secure')]).toEqual([headers, true, secure]);
    }
  });
});
