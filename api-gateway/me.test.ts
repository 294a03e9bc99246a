import { request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpKubeClient } from '../operator/kube/http-client.ts';
import { PATIENCE_MS } from '../test/support/eventually.ts';
import { NAMESPACE, TestGateway } from '../test/support/gateway.ts';
import { failure, ScriptedKubeServer, type SeenRequest } from '../test/support/kube-server.ts';
import { Authenticator } from './http/auth.ts';
import { ClusterCallers } from './http/cluster-callers.ts';
import { Proxies } from './http/proxies.ts';
import { ProxyUsers } from './http/proxy-user.ts';

const BODY = { goal: 'g', repo_url: 'https://example.com/r.git' };
const TOKEN = 'a-long-token-of-this-test';
const SECRET = 'a-secret-of-the-proxy';
const USER = 'x-forwarded-user';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function started(options: Parameters<typeof TestGateway.start>[0] = {}): Promise<TestGateway> {
  const gateway = await TestGateway.start(options);
  cleanUp.push(() => gateway.close());
  return gateway;
}

const author = async (gateway: TestGateway, headers: Record<string, string> = {}) =>
  Object((await gateway.get('/agent/me', headers)).json()).author;

describe('who calls', () => {
  it('is told who they are, what they may do and what there is', async () => {
    const about = { sandboxTypes: ['local'], kubeconfig: '/home/ada l/.swe-agent/kubeconfig' } as const;
    const gateway = await started({ about, allowLocalRepositories: true });
    expect((await gateway.get('/agent/me')).json()).toEqual({
      author: 'ada',
      auth: 'none',
      namespace: NAMESPACE,
      may: {
        sessions: { create: true, update: true, delete: true, read_log: true },
        profiles: { create: true, update: true, delete: true },
        keys: { write: true },
      },
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      sandbox_types: ['local'],
      kubeconfig_hint: "KUBECONFIG='/home/ada l/.swe-agent/kubeconfig'",
      local_repositories: true,
    });
  });

  it('is asked for the token first', async () => {
    const gateway = await started({ auth: { mode: 'token', token: TOKEN } });
    const answer = await gateway.get('/agent/me');
    expect([answer.status, answer.headers['content-type']]).toEqual([401, 'application/problem+json; charset=utf-8']);
    const known = await gateway.get('/agent/me', { authorization: `Bearer ${TOKEN}` });
    expect(known.json()).toMatchObject({ author: 'ada', auth: 'token', kubeconfig_hint: null, local_repositories: false });
  });

  it('on a cluster is told their own rights there, which count for a moment', async () => {
    const stop = new AbortController();
    const server = await ScriptedKubeServer.start();
    cleanUp.push(
      async () => server[Symbol.asyncDispose](),
      async () => stop.abort(),
    );
    let now = Date.now();
    const allowed = new Set(['create agentsessions', 'get agentsessions/log', 'create secrets', 'get secrets']);
    server.script = ({ path, headers, body }: SeenRequest) => {
      if (headers.authorization !== 'Bearer ada') return { code: 401, body: failure(401, 'Unauthorized', 'Unauthorized') };
      const status = (answer: object) => ({ code: 201, body: { ...Object(body), metadata: {}, status: answer } });
      if (path.endsWith('/selfsubjectreviews')) return status({ userInfo: { username: 'ada@example.com' } });
      const { verb, resource, subresource, namespace, group } = Object(body).spec.resourceAttributes;
      expect([namespace, group]).toEqual([NAMESPACE, resource === 'secrets' ? '' : 'sweagent.dev']);
      return status({ allowed: allowed.has(`${verb} ${resource}${subresource ? `/${subresource}` : ''}`) });
    };
    const endpoint = { baseUrl: server.url, headers: async () => ({}), signal: stop.signal };
    const client = new HttpKubeClient(endpoint, { tries: 1, requestTimeoutMs: PATIENCE_MS });
    const callers = new ClusterCallers({ withToken: (token) => client.withToken(token), namespace: NAMESPACE, now: () => now });
    const gateway = await started({ scripted: server, auth: { mode: 'kubernetes', callers } });
    const me = () => gateway.get('/agent/me', { authorization: 'Bearer ada' });
    expect((await me()).json()).toMatchObject({
      author: 'ada@example.com',
      auth: 'kubernetes',
      may: {
        sessions: { create: true, update: false, delete: false, read_log: true },
        profiles: { create: false, update: false, delete: false },
        keys: { write: false },
      },
    });
    const asked = server.requests.length;
    await me();
    expect(server.requests.length).toBe(asked);
    allowed.add('update secrets');
    now += 16_000;
    expect((await me()).json()).toMatchObject({ may: { keys: { write: true } } });
    expect((await gateway.get('/agent/me', { authorization: 'Bearer eve' })).status).toBe(401);
  });
});

describe('behind an authenticating proxy', () => {
  it('the user that it names is the author', async () => {
    const gateway = await started({ proxyUser: { header: USER, proxies: ['10.0.0.0/8', '127.0.0.1'] } });
    const headers = { [USER]: 'grace@example.com' };
    expect(await author(gateway, headers)).toBe('grace@example.com');
    const made = await gateway.post('/agent/sessions', BODY, headers);
    const id = made.headers.location?.split('/').at(-1) ?? '';
    await gateway.post(`/agent/sessions/${id}/input`, { message: 'm' }, { [USER]: 'Alan T.' });
    const { spec } = await gateway.object(id);
    expect([spec.author, spec.inputs?.[0]?.author]).toEqual(['grace@example.com', 'Alan T.']);
  });

  it.each([
    ['names nobody', {}],
    ['names two', { [USER]: 'grace, ada' }],
    ['names nothing', { [USER]: '' }],
    ['names what is no name', { [USER]: 'gr\u00e4ce' }],
    ['names too much', { [USER]: 'g'.repeat(254) }],
  ])('a request that %s is refused', async (_, headers) => {
    const gateway = await started({ proxyUser: { header: USER, proxies: ['127.0.0.0/8'] } });
    const answer = await gateway.get('/agent/me', headers);
    expect(answer.json()).toMatchObject({ status: 403, type: 'urn:swe-agent:problem:caller-refused' });
  });

  it.each([USER, 'from'])('a request with two headers %s is refused, whichever comes first', async (header) => {
    const gateway = await started({ proxyUser: { header, proxies: ['127.0.0.0/8'] } });
    expect(await author(gateway, { [header]: 'grace' })).toBe('grace');
    const status = await new Promise((resolve, reject) => {
      const headers = { [header]: ['mallory', 'grace'] };
      const asked = request(`${gateway.url}/agent/me`, { headers, agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode));
      });
      asked.once('error', reject).end();
    });
    expect(status).toBe(403);
  });

  it('nobody else may call where no token is asked for, whoever they say they are', async () => {
    const gateway = await started({ proxyUser: { header: USER, proxies: ['10.1.2.3', '2001:db8::/32'] } });
    for (const headers of [{}, { [USER]: 'grace' }, { [USER]: 'grace', 'x-forwarded-for': '10.1.2.3' }]) {
      for (const path of ['/agent/me', '/agent/sessions', '/agent/profiles', '/metrics']) {
        const answer = await gateway.get(path, headers as Record<string, string>);
        expect([path, answer.status]).toEqual([path, 403]);
        expect(answer.text).not.toContain('10.1.2.3');
      }
    }
    expect((await gateway.get('/healthz')).status).toBe(200);
  });

  it('a secret does what an address does, and both are needed where both are set', async () => {
    const secret = await started({ proxyUser: { header: USER, proxies: [], secret: SECRET } });
    expect(await author(secret, { [USER]: 'grace', 'x-proxy-secret': SECRET })).toBe('grace');
    for (const wrong of [{}, { 'x-proxy-secret': `${SECRET}x` }, { 'x-proxy-secret': '' }]) {
      const answer = await secret.get('/agent/me', { [USER]: 'grace', ...wrong } as Record<string, string>);
      expect([answer.status, answer.text.includes(SECRET)]).toEqual([403, false]);
    }
    const both = await started({ proxyUser: { header: USER, proxies: ['10.1.2.3'], secret: SECRET } });
    expect((await both.get('/agent/me', { [USER]: 'grace', 'x-proxy-secret': SECRET })).status).toBe(403);
  });

  it('the token is needed all the same, and without the proxy the author is who it was', async () => {
    const auth = { mode: 'token', token: TOKEN } as const;
    const gateway = await started({ auth, proxyUser: { header: USER, proxies: ['127.0.0.1'] } });
    expect((await gateway.get('/agent/me', { [USER]: 'grace' })).status).toBe(401);
    expect(await author(gateway, { [USER]: 'grace', authorization: `Bearer ${TOKEN}` })).toBe('grace');
    const elsewhere = await started({ auth, proxyUser: { header: USER, proxies: ['10.1.2.3'] } });
    expect(await author(elsewhere, { [USER]: 'grace', authorization: `Bearer ${TOKEN}` })).toBe('ada');
  });

  it('is nothing that can be set without saying what it is known by, or beside tokens of a cluster', () => {
    expect(() => new ProxyUsers({ header: USER, proxies: [] })).toThrow('needs addresses or a secret');
    const users = new ProxyUsers({ header: USER, proxies: ['::1'] });
    const everybody = { author: 'ada' } as ConstructorParameters<typeof Authenticator>[1];
    const callers = { caller: async () => everybody };
    expect(() => new Authenticator({ mode: 'kubernetes', callers }, everybody, Date.now, new Proxies([]), users)).toThrow(
      'the token says who calls',
    );
  });
});
