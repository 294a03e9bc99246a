/** Real controllers over the embedded API, real providers over HTTP, a scripted model; several operators where it says so. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type EmbeddedApi, startEmbeddedApi } from '../../local/api/server.ts';
import { eventually, PATIENCE_MS, patience } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { type ModelReply, type ModelServer, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import { ScriptedTasks } from '../../test/support/scripted-tasks.ts';
import {
  type AgentSession,
  type AIProfile,
  API_VERSION,
  CREDENTIAL_LABEL,
  HOSTS_ANNOTATION,
  PROBE_ANNOTATION,
  RESOURCES,
  type Secret,
} from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { validateAIProfile } from '../api/validators.gen.js';
import type { Clock } from '../clock.ts';
import { EventRecorder } from '../kube/events.ts';
import { HttpKubeClient } from '../kube/http-client.ts';
import { ModelProviders } from '../llm/profiles.ts';
import { Caches } from './caches.ts';
import { Controllers } from './controllers.ts';
import { ProfileModels } from './model-directory.ts';
import { ModelFindings } from './model-findings.ts';
import { ProfileProbes } from './profile-probes.ts';

const KEY = 'sk-test-0123456789abcdef';
const HOUR = 3_600_000;

const crdOf = (name: string) => join(import.meta.dirname, '../../crds', `${name}.yaml`);

let folder: string;
let api: EmbeddedApi;
let client: HttpKubeClient;
const closing = new AbortController();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'probes-'));
  api = await startApi('state', crdOf('aiprofile'));
  client = clientOf(api);
});

function startApi(name: string, profiles: string): Promise<EmbeddedApi> {
  const stateDir = join(folder, name);
  return startEmbeddedApi({
    stateDir,
    kubeconfigPath: join(folder, `${name}.kubeconfig`),
    crds: [crdOf('agentsession'), profiles],
    user: 'ada',
  });
}

function clientOf({ url, caPem, token }: EmbeddedApi): HttpKubeClient {
  const headers = async () => ({ authorization: `Bearer ${token}` });
  return new HttpKubeClient({ baseUrl: url, ca: caPem, headers, signal: closing.signal });
}

afterAll(async () => {
  closing.abort();
  await api.close();
  await rm(folder, { recursive: true });
});

let namespace: string;
let count = 0;
const ending: (() => Promise<void>)[] = [];
beforeEach(async () => {
  namespace = `ns${++count}`;
  await client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A clock that a test sets ahead, or that runs faster by a factor. */
class AheadClock implements Clock {
  #ahead = 0;
  readonly #began = Date.now();
  readonly #factor: number;
  constructor(factor = 1) {
    this.#factor = factor;
  }
  set(ms: number): void {
    this.#ahead += ms;
  }
  now(): number {
    return this.#began + (Date.now() - this.#began) * this.#factor + this.#ahead;
  }
  after(ms: number, fn: () => void): () => void {
    const timer = setTimeout(fn, ms / this.#factor);
    return () => clearTimeout(timer);
  }
}

async function startOperator({ clock = new AheadClock(), intervalMs = HOUR, isOpen = true } = {}) {
  const stop = new AbortController();
  const logger = new KeepingLogger();
  const caches = new Caches({ client, namespaces: [namespace], logger });
  const running = caches.run(stop.signal);
  const events = new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: 'test', logger });
  const findings = new ModelFindings(() => clock.now());
  const providers = new ModelProviders();
  const models = new ProfileModels(caches, providers, findings);
  const now = () => clock.now();
  const probes = new ProfileProbes({ tryModel: (profile, signal) => models.probe(profile, signal), intervalMs, now, logger });
  const tasks = new ScriptedTasks();
  const controllers = new Controllers({ client, caches, tasks, events, findings, probes, logger, maxRunning: 10, clock });
  await controllers.start();
  if (isOpen) probes.open();
  const end = async () => {
    await controllers.stop(PATIENCE_MS);
    await probes.stop();
    await events.stop(patience());
    stop.abort();
    await running;
    providers.close();
  };
  ending.push(end);
  return { tasks, probes, logger, models, clock };
}

async function modelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const server = await startModelServer([], options);
  ending.push(() => server.close());
  return server;
}

async function createSecret(key = KEY): Promise<void> {
  await client.create<Secret>(RESOURCES.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'key',
      namespace,
      labels: { [CREDENTIAL_LABEL]: 'model' },
      annotations: { [HOSTS_ANNOTATION]: '127.0.0.1' },
    },
    data: { apiKey: Buffer.from(key).toString('base64') },
  });
}

async function createProfile(server: { baseUrl: string }, spec: Partial<AIProfileSpec> = {}, name = 'main'): Promise<void> {
  const whole = { provider: 'openai-compatible' as const, model: 'm', baseUrl: server.baseUrl, default: true, ...spec };
  await client.create<AIProfile>(RESOURCES.profiles, {
    apiVersion: API_VERSION,
    kind: 'AIProfile',
    metadata: { name, namespace },
    spec: whole,
  });
}

const profile = (name = 'main') => client.get<AIProfile>(RESOURCES.profiles, namespace, name);
const readyOf = ({ status }: AIProfile) => status?.conditions?.find(({ type }) => type === 'Ready');
async function ready(expected: string, name = 'main'): Promise<AIProfile> {
  let last = '';
  try {
    return await eventually(expected, async () => {
      const now = await profile(name);
      const condition = readyOf(now);
      last = `${condition?.status} ${condition?.reason}: ${condition?.message}`;
      return last.startsWith(expected) ? now : undefined;
    });
  } catch (error) {
    throw new Error(`${name} is not ${expected} but ${last}`, { cause: error });
  }
}
const change = (patch: object) => client.mergePatch<AIProfile>(RESOURCES.profiles, namespace, 'main', patch);

describe('a new profile', () => {
  it('is tried once, and its status tells what was found', async () => {
    const server = await modelServer({ apiKey: KEY, toldWindow: 48_000 });
    await createSecret();
    await startOperator();
    await createProfile(server, { credentialSecretRef: { name: 'key' } });
    const { status, ...rest } = await ready('True Answered');
    expect(status).toMatchObject({ toolCalling: true, contextWindow: 48_000, probe: { failures: 0 } });
    expect(readyOf({ ...rest, status: status ?? {} })?.message).toBe('The model answers and calls tools.');
    expect(Date.parse(status?.lastProbeTime ?? '')).toBeGreaterThanOrEqual(Date.parse(status?.probe?.startTime ?? ''));
    expect(validateAIProfile({ ...rest, status }) ? [] : validateAIProfile.errors).toEqual([]);
    expect(server.probes).toHaveLength(1);
  });

  it('is not tried before probes may begin', async () => {
    const server = await modelServer();
    const { probes } = await startOperator({ isOpen: false });
    await createProfile(server);
    await ready('Unknown NotProbed');
    expect(server.probes).toEqual([]);
    probes.open();
    await ready('True Answered');
  });

  it('is not tried where its definition is too old to say who does, which the log tells once', async () => {
    const definition = await readFile(crdOf('aiprofile'), 'utf8');
    const old = join(folder, 'old.yaml');
    await writeFile(old, definition.slice(0, definition.indexOf('\n                probe:\n') + 1));
    const usual = client;
    const other = await startApi('old', old);
    ending.push(async () => {
      client = usual;
      await other.close();
    });
    client = clientOf(other);
    await client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const server = await modelServer();
    const { logger } = await startOperator();
    await createProfile(server);
    await createProfile(server, { default: false }, 'next');
    const told = () => logger.lines.filter((line) => line.includes('models are not tried: the AIProfile definition'));
    await eventually('the log to say so', () => told().length > 0);
    await ready('Unknown NotProbed', 'next');
    expect(told()).toHaveLength(1);
    expect(server.probes).toEqual([]);
  });

  it('is tried by one of several operators', async () => {
    const server = await modelServer();
    for (let replica = 0; replica < 3; replica++) await startOperator();
    for (let index = 0; index < 5; index++) await createProfile(server, { default: false }, `p${index}`);
    for (let index = 0; index < 5; index++) await ready('True Answered', `p${index}`);
    expect(server.probes).toHaveLength(5);
  });
});

describe('what a probe finds', () => {
  const quota = { fault: { status: 429, error: { message: 'You exceeded your current quota.', code: 'insufficient_quota' } } };
  const busy = { fault: { status: 503 } };

  it.each<[string, ModelServerOptions, string]>([
    ['InvalidKey', { apiKey: 'another' }, 'Warning'],
    ['ModelNotFound', { models: ['other'] }, 'Warning'],
    ['NoToolCalling', { probe: () => ({ text: 'I call nothing.' }) }, 'Warning'],
    ['QuotaExceeded', { probe: () => quota }, 'Warning'],
    ['Unavailable', { probe: () => busy }, 'Warning'],
    ['RequestRefused', { probe: () => ({ fault: { status: 400, error: { message: 'Bad shape.' } } }) }, 'Warning'],
  ])('is told as %s, and as an event', async (reason, options) => {
    const server = await modelServer(options);
    await createSecret();
    await startOperator();
    await createProfile(server, { credentialSecretRef: { name: 'key' } });
    const found = await ready(`False ${reason}`);
    expect(JSON.stringify(found)).not.toContain(KEY);
    type Said = AIProfile & { reason: string; type: string };
    await eventually('the event', async () => {
      const { items } = await client.list<Said>(RESOURCES.events, { namespace });
      return items.some((event) => event.reason === reason && event.type === 'Warning');
    });
  });

  it('is that the host cannot be reached, tried again until it can', async () => {
    const server = await modelServer();
    const { port, host } = new URL(server.baseUrl);
    await server.close();
    ending.pop();
    await startOperator({ clock: new AheadClock(100) });
    await createProfile(server);
    const { status } = await ready('False Unreachable');
    expect(status?.probe?.failures).toBeGreaterThan(0);
    expect(readyOf(await profile())?.message).toContain(host);
    await modelServer({ port: Number(port) });
    const back = await ready('True Answered');
    expect(back.status?.probe?.failures).toBe(0);
  });
});

describe('a profile that was tried', () => {
  it('is tried again when its spec, its Secret or the request changes, and not when only its users do', async () => {
    const server = await modelServer();
    await createSecret();
    const { clock } = await startOperator();
    await createProfile(server, { credentialSecretRef: { name: 'key' } });
    await ready('True Answered');
    const triedAgain = async (times: number, act: () => Promise<unknown>) => {
      clock.set(10_000);
      await act();
      await eventually(`probe ${times}`, () => server.probes.length === times);
      await ready('True Answered');
    };
    await triedAgain(2, () => change({ spec: { model: 'other' } }));
    await triedAgain(3, () =>
      client.mergePatch(RESOURCES.secrets, namespace, 'key', { stringData: { apiKey: 'sk-another-0123456789' } }),
    );
    expect(server.probes.at(-1)?.headers.authorization).toBe('Bearer sk-another-0123456789');
    const before = await profile();
    await triedAgain(4, () => change({ metadata: { annotations: { [PROBE_ANNOTATION]: '2030-01-01T00:00:00Z' } } }));
    expect(readyOf(await profile())?.lastTransitionTime).toBe(readyOf(before)?.lastTransitionTime);
    clock.set(10_000);
    await change({ spec: { users: ['grace'], displayName: 'Ours', default: false } });
    await eventually('the change to be seen', async () => {
      const { status, metadata } = await profile();
      return status?.observedGeneration === metadata.generation;
    });
    expect(readyOf(await profile())).toMatchObject({ status: 'True', reason: 'Answered' });
    expect(server.probes).toHaveLength(4);
  });

  it('is tried again after the interval, by an operator that starts then, and before that by none', async () => {
    const server = await modelServer();
    const first = await startOperator();
    await createProfile(server);
    await ready('True Answered');
    const second = await startOperator({ clock: first.clock });
    await createProfile(server, { default: false }, 'next');
    await ready('True Answered', 'next');
    expect(server.probes).toHaveLength(2);
    second.clock.set(2 * HOUR);
    // Looks at all profiles, as a start does.
    await startOperator({ clock: first.clock });
    await eventually('both to be tried again', () => server.probes.length === 4);
  });

  it('keeps answering when a later try fails for a moment, and stops when it goes on failing', async () => {
    const replies: (ModelReply | undefined)[] = [];
    const server = await modelServer({ probe: () => replies.shift() ?? { fault: { status: 503 } } });
    replies.push({ calls: [{ name: 'confirm_connection', args: { ok: true } }] });
    const { clock } = await startOperator();
    await createProfile(server);
    await ready('True Answered');
    const failed = async (failures: number) => {
      clock.set(HOUR);
      await change({ metadata: { annotations: { [PROBE_ANNOTATION]: `try ${failures}` } } });
      await eventually(`failure ${failures}`, async () => (await profile()).status?.probe?.failures === failures);
      return `${readyOf(await profile())?.status} ${readyOf(await profile())?.reason}`;
    };
    expect(await failed(1)).toBe('True Answered');
    expect(await failed(2)).toBe('True Answered');
    expect(await failed(3)).toBe('False Unavailable');
    expect((await profile()).status?.toolCalling).toBe(true);
  });

  it('whose prober died is tried by another when the claim has run out', async () => {
    const server = await modelServer();
    await createProfile(server);
    const stalled = await startOperator();
    await ready('True Answered');
    const { status } = await profile();
    const claim = { ...status?.probe, startTime: new Date(stalled.clock.now() + 1).toISOString() };
    await client.mergePatch(RESOURCES.profiles, namespace, 'main', { status: { probe: claim } }, 'status');
    await eventually('the claim', async () => (await profile()).status?.probe?.startTime === claim.startTime);
    expect(server.probes).toHaveLength(1);
    stalled.clock.set(10 * 60_000);
    await startOperator({ clock: stalled.clock });
    await eventually('another try', () => server.probes.length === 2);
    await ready('True Answered');
  });
});

describe('a model that calls no tool', () => {
  it('keeps sessions waiting with the reason, until a better one takes its place', async () => {
    const server = await modelServer({ probe: ({ model }) => (model === 'talker' ? { text: 'Hm.' } : called) });
    const { tasks } = await startOperator();
    await createProfile(server, { model: 'talker' });
    await ready('False NoToolCalling');
    await client.create<AgentSession>(RESOURCES.sessions, {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name: 's', namespace },
      spec: { goal: 'Mend the sum', repository: { url: 'https://github.com/acme/sum.git' } },
    });
    const session = () => client.get<AgentSession>(RESOURCES.sessions, namespace, 's');
    const waiting = await eventually('the reason', async () => {
      const { status } = await session();
      return status?.conditions?.find(({ type, reason }) => type === 'ProfileResolved' && reason === 'NoToolCalling');
    });
    expect(waiting).toMatchObject({ status: 'False', message: expect.stringContaining('talker answers, but called no tool') });
    expect(tasks.ensured).toEqual([]);
    await change({ spec: { model: 'worker' } });
    await eventually('the session to start', () => tasks.ensured.length > 0);
  });
});

const called: ModelReply = { calls: [{ name: 'confirm_connection', args: { ok: true } }] };

describe('what calls need', () => {
  it('includes the window that the server told', async () => {
    const server = await modelServer({ toldWindow: 24_000 });
    const { models } = await startOperator();
    await createProfile(server);
    await ready('True Answered');
    const session: AgentSession = {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name: 's', namespace },
      spec: { goal: 'g', repository: { url: 'https://github.com/acme/sum.git' } },
    };
    await eventually('the cache', async () => (await models.bind(session, 'main')).contextWindow === 24_000);
  });
});
