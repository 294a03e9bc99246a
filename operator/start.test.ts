/** The compositions of a cluster over the embedded API, which cannot be told from one as far as no Pod is made. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway } from '../api-gateway/start.ts';
import { type TestApi, testApi } from '../test/support/embedded-api.ts';
import { eventually, patience } from '../test/support/eventually.ts';
import { KeepingLogger } from '../test/support/keeping-logger.ts';
import { Line } from '../test/support/redis-line.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { describeWithRedis } from '../test/support/requirements.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { type AgentSession, type AIProfile, API_VERSION, FINALIZER, RESOURCES } from './api/resources.ts';
import { HttpKubeClient } from './kube/http-client.ts';
import { loadSettings, type SettingsRole } from './settings.ts';
import { type OperatorSystem, startOperator } from './start.ts';

let stack: AsyncDisposableStack;
let folder: string;
let api: TestApi;
let logger: KeepingLogger;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryFolder()).path;
  api = stack.use(await testApi({ kubeconfigPath: join(folder, 'kubeconfig') }));
  logger = new KeepingLogger();
});
afterEach(() => stack.disposeAsync());

function settings(env: Record<string, string>, role: SettingsRole = 'operator') {
  const common = {
    HOST: '127.0.0.1',
    PORT: '0',
    SWE_AGENT_PROBE_PORT: '0',
    KUBECONFIG: join(folder, 'kubeconfig'),
    K8S_NAMESPACE: 'default',
    WORKER_IMAGE: 'none',
  };
  return loadSettings({ env: { ...common, ...env }, cwd: folder, role, containerMarkers: [] });
}

async function start(env: Record<string, string> = {}): Promise<OperatorSystem> {
  return stack.adopt(await startOperator(settings(env), logger), (one) => one.stop());
}

function client(): HttpKubeClient {
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const headers = async () => ({ authorization: `Bearer ${api.token}` });
  return new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: ended.signal });
}

async function get(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, { headers, signal: patience() });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
}

async function post(url: string, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ goal: 'Greet', repo_url: 'https://example.com/r.git' });
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal: patience() };
  const response = await fetch(`${url}/agent/sessions`, sent);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe('an operator of a cluster', () => {
  it('takes sessions up, makes the profiles of its environment, and says that it is ready', async () => {
    const system = await start({ OPENAI_API_KEY: 'key', MODEL_NAME: 'm' });
    await system.working;
    expect((await get(system.probes, '/readyz')).body).toEqual({ status: 'ready', checks: { kubernetes: 'ok' } });
    expect((await get(system.probes, '/healthz')).status).toBe(200);
    // The watch begins after what was there is known.
    const watches = /^swe_agent_kubernetes_requests_total\{verb="watch",resource="agentsessions",code="200"\} 1$/m;
    const metrics = await eventually('the watch to be counted', async () => {
      const { text } = await get(system.probes, '/metrics');
      return watches.test(text) && text;
    });
    expect(metrics).toMatch(/^process_cpu_seconds_total/m);
    expect(metrics).toMatch(/^swe_agent_sessions\{phase="Queued"\} 0$/m);
    expect(system.url).toBeUndefined();
    const profiles = () => client().list<AIProfile>(RESOURCES.profiles, { namespace: 'default' });
    await eventually('the profile', async () => (await profiles()).items.some(({ spec }) => spec.model === 'm'));
  });

  it('serves while the API server is away, says so, and begins when it is there', async () => {
    const line = stack.adopt(new Line(() => connect(Number(new URL(api.url).port), '127.0.0.1')), (one) => one.close());
    await line.listen();
    line.refuse();
    const server = `https://127.0.0.1:${line.port}`;
    const kubeconfig = readFileSync(join(folder, 'kubeconfig'), 'utf8').replaceAll(api.url, server);
    writeFileSync(join(folder, 'through-the-line'), kubeconfig);
    const system = await start({ KUBECONFIG: join(folder, 'through-the-line') });
    const away = await eventually('the reason', async () => {
      const { status, body } = await get(system.probes, '/readyz');
      return body.checks.kubernetes !== 'not reached yet' && { status, body };
    });
    expect(away).toMatchObject({ status: 503, body: { checks: { kubernetes: expect.stringContaining(server) } } });
    expect((await get(system.probes, '/healthz')).status).toBe(200);
    line.pass();
    await system.working;
    expect((await get(system.probes, '/readyz')).status).toBe(200);
  });

  it('ends at once when it is told to before it has reached the API server', async () => {
    await api.close();
    const system = await start({ OPENAI_API_KEY: 'key' });
    await system.stop();
    await expect(system.working).rejects.toThrow();
    expect(logger.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('lets a session go whose sandbox was a Pod before all were at Daytona: Kubernetes removes that with it', async () => {
    await client().create<AgentSession>(RESOURCES.sessions, {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name: 'earlier', namespace: 'default', finalizers: [FINALIZER] },
      spec: { goal: 'Greet', repository: { url: 'https://example.com/r.git' }, cancelled: true },
    });
    const sandbox = { type: 'pod', name: 'earlier-sandbox', uid: 'uid-1' };
    const status = { phase: 'Cancelled', observedGeneration: 1, sandbox };
    await client().mergePatch(RESOURCES.sessions, 'default', 'earlier', { status }, 'status');
    const daytona = { DAYTONA_API_KEY: 'dtn_x', DAYTONA_INSTALLATION: 'own', DAYTONA_SERVER_URL: 'http://127.0.0.1:1/api' };
    await (await start({ SANDBOX_TYPE: 'daytona', ...daytona })).working;
    await client().delete(RESOURCES.sessions, 'default', 'earlier');
    await eventually('the session to be gone', async () => {
      const { items } = await client().list<AgentSession>(RESOURCES.sessions, { namespace: 'default' });
      return items.length === 0;
    });
    // The sweep may warn meanwhile, because Daytona cannot be reached.
    expect(
      logger.lines.filter((line) => /^warn: (the session cannot be removed|Not everything of the session)/.test(line)),
    ).toEqual([]);
  });

  it('looks at the namespaces that it is told to', async () => {
    const kube = client();
    for (const name of ['a', 'b', 'c']) {
      await kube.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      const spec = { goal: 'Greet', repository: { url: 'https://example.com/r.git' } };
      const metadata = { name: 's', namespace: name };
      await kube.create<AgentSession>(RESOURCES.sessions, {
        apiVersion: 'sweagent.dev/v1alpha1',
        kind: 'AgentSession',
        metadata,
        spec,
      });
    }
    const phases = async () => {
      const { items } = await kube.list<AgentSession>(RESOURCES.sessions);
      return Object.fromEntries(items.map(({ metadata, status }) => [metadata.namespace, status?.phase]));
    };
    const some = await start({ SWE_AGENT_WATCH_NAMESPACES: 'a,b', SWE_AGENT_STATE_DIR: 'some' });
    await eventually('both', async () => {
      const { a, b } = await phases();
      return a === 'Queued' && b === 'Queued';
    });
    expect((await phases()).c).toBeUndefined();
    await some.stop();
    await start({ SWE_AGENT_WATCH_NAMESPACES: '*', SWE_AGENT_STATE_DIR: 'all' });
    await eventually('the third', async () => (await phases()).c === 'Queued');
  });

  it('serves REST as well when it is told to, so that one process does it all', async () => {
    const system = await start({ SWE_AGENT_GATEWAY: 'true' });
    const made = await post(system.url ?? '');
    expect(made.status).toBe(201);
    const seen = await eventually('the reason', async () => {
      const { body } = await get(system.url ?? '', `/agent/sessions/${made.body.session_id}`);
      return body.reason !== null && body;
    });
    expect(seen).toMatchObject({ status: 'QUEUED', author: 'anonymous' });
    expect((await get(system.url ?? '', '/readyz')).body).toEqual({ status: 'ready', checks: { kubernetes: 'ok', log: 'ok' } });
  });

  it('leaves nothing open when a port is in use', async () => {
    const system = await start();
    const port = new URL(system.probes).port;
    const second = startOperator(settings({ SWE_AGENT_PROBE_PORT: port, SWE_AGENT_STATE_DIR: 'second' }), logger);
    await expect(second).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another port with SWE_AGENT_PROBE_PORT`,
    );
    // The folder is free again.
    await start({ SWE_AGENT_STATE_DIR: 'second' });
  });
});

describeWithRedis()('a gateway of a cluster', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = stack.use(await RedisServer.start());
  });

  it('serves the sessions of the cluster to those who have a token of it', async () => {
    const env = { REDIS_URL: redis.url(), API_AUTH: 'kubernetes' };
    const system = stack.adopt(await startGateway(settings(env, 'gateway'), logger), (one) => one.stop());
    const authorization = `Bearer ${api.token}`;
    expect((await post(system.url)).status).toBe(401);
    expect((await post(system.url, { authorization: 'Bearer other' })).status).toBe(401);
    const made = await post(system.url, { authorization });
    expect(made.status).toBe(201);
    const { body } = await get(system.url, `/agent/sessions/${made.body.session_id}`, { authorization });
    expect(body).toMatchObject({ status: 'QUEUED', author: 'ada', logs: expect.any(Array) });
    expect((await get(system.probes, '/readyz')).body).toEqual({ status: 'ready', checks: { kubernetes: 'ok', log: 'ok' } });
    const metrics = (await get(system.probes, '/metrics')).text;
    expect(metrics).toMatch(/^swe_agent_event_loop_delay_seconds\{quantile="0.99"\} \S+$/m);
    expect(metrics).toMatch(/^swe_agent_kubernetes_requests_total\{verb="create",resource="agentsessions",code="201"\} 1$/m);
  });

  it('serves while Redis is away, and is not ready', async () => {
    redis.line.refuse();
    const env = { REDIS_URL: redis.url() };
    const system = stack.adopt(await startGateway(settings(env, 'gateway'), logger), (one) => one.stop());
    expect(await get(system.probes, '/readyz')).toMatchObject({
      status: 503,
      body: { checks: { kubernetes: 'ok', log: 'unreachable' } },
    });
    redis.line.pass();
    await eventually('the log', async () => (await get(system.probes, '/readyz')).status === 200);
  });
});
