/** An operator on an API server whose definitions of the kinds are older than it: a real one, without nodes; sandboxes are here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentSession, API_VERSION, RESOURCES } from '../../operator/api/resources.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import { serverWarnings } from '../../operator/kube/server-warnings.ts';
import { Operator } from '../../operator/operator.ts';
import { mergePatchType, sessionsPath } from '../support/embedded-api.ts';
import { type Engine, makeRepository, startEngine } from '../support/engine.ts';
import { eventually, patience } from '../support/eventually.ts';
import { KeepingLogger } from '../support/keeping-logger.ts';
import { type ModelServer, startModelServer } from '../support/model-server.ts';
import { type RealApi, startRealApi } from '../support/real-api.ts';
import { approve, Gate, ScriptedSessions } from '../support/scripted-sessions.ts';
import { wantedPrograms } from './cluster.ts';

const programs = wantedPrograms(process.env);
if (typeof programs !== 'string') console.warn(`no older definitions are tried: ${programs.missing}`);
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentsessions.sweagent.dev';

const UNKNOWN_PHASE = 'Reviewing';
const PROBE = { goal: 'Show which definition holds', repository: { url: 'https://example.com/r.git' } };

type Schema = { properties: Record<string, Schema>; enum?: string[]; required?: string[] };

(typeof programs === 'string' ? describe : describe.skip)('an operator that is newer than the definitions', () => {
  let api: RealApi;
  let client: HttpKubeClient;
  let folder: string;
  let server: ModelServer;
  let engine: Engine;
  const model = new ScriptedSessions();
  const closing = new AbortController();
  const logger = new KeepingLogger();
  const told: unknown[] = [];
  logger.warn = (message: string, fields?: object) => void told.push({ message, ...fields });

  beforeAll(async () => {
    if (typeof programs !== 'string') throw new Error(programs.missing);
    folder = mkdtempSync(join(tmpdir(), 'swe-older-'));
    api = await startRealApi(programs);
    const headers = async () => ({ authorization: `Bearer ${api.token}` });
    client = new HttpKubeClient(
      { baseUrl: api.url, ca: api.caPem, headers, signal: closing.signal },
      { onRequest: serverWarnings(logger) },
    );
    server = await startModelServer((request) => model.answer(request));
    engine = await startEngine({ baseUrl: server.baseUrl });
  });
  afterAll(async () => {
    closing.abort(new Error('the test is over'));
    await engine?.[Symbol.asyncDispose]();
    await server?.close();
    await api?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** Takes what is newer out of the definition of AgentSession, and waits until the server goes by it. */
  async function age(change: (status: Schema) => void): Promise<void> {
    const { body } = await api.send('GET', DEFINITION);
    const versions: { schema: { openAPIV3Schema: Schema } }[] = body.spec.versions;
    const status = versions[0]?.schema.openAPIV3Schema.properties.status;
    if (!status) throw new Error('there is no status');
    change(status);
    const answer = await api.send('PATCH', DEFINITION, { spec: { versions } }, mergePatchType);
    expect(answer.code).toBe(200);
    const probe = { apiVersion: API_VERSION, kind: 'AgentSession', metadata: { name: 'probe' }, spec: PROBE };
    // While it changes the definition it answers nothing about the kind.
    await eventually('the kind to be served', async () => (await api.send('POST', sessionsPath, probe)).code === 201);
    const refused = async () => {
      const path = `${sessionsPath}/probe/status?dryRun=All`;
      return (await api.send('PATCH', path, { status: { phase: UNKNOWN_PHASE } }, mergePatchType)).code === 422;
    };
    await eventually('the older definition to hold', refused);
    expect((await api.send('DELETE', `${sessionsPath}/probe`)).code).toBe(200);
  }

  it('has its sessions completed all the same, writes no more than else, and says what the server does not know or refuses', async () => {
    const newer = ['log', 'plan', 'sandbox', 'recentLogs', 'iteration'];
    await age((status) => {
      for (const field of newer) delete status.properties[field];
      const { phase } = status.properties;
      if (phase?.enum) phase.enum = phase.enum.filter((one) => one !== UNKNOWN_PHASE);
      status.required = (status.required ?? []).filter((field) => !newer.includes(field));
    });
    let writes = 0;
    const counting: KubeClient = new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name === 'mergePatch') writes++;
        return member.bind(target);
      },
    });
    const operator = new Operator({
      probeIntervalMs: Number.POSITIVE_INFINITY,
      ...engine.deps,
      client: counting,
      logger,
      namespaces: ['default'],
      maxRunning: 10,
      defaultCredential: undefined,
    });
    try {
      await operator.start();
      const profile = { provider: 'openai-compatible', model: 'scripted', baseUrl: server.baseUrl, default: true };
      await client.create(RESOURCES.profiles, {
        apiVersion: API_VERSION,
        kind: 'AIProfile',
        metadata: { name: 'main', namespace: 'default' },
        spec: profile,
      });
      const reviewing = new Gate();
      const review = async () => {
        await reviewing.pass();
        return approve();
      };
      const spec = {
        goal: model.on('Greet an older server', { review }),
        repository: { url: makeRepository(folder, { 'README.md': 'x\n' }) },
      };
      await client.create(RESOURCES.sessions, {
        apiVersion: API_VERSION,
        kind: 'AgentSession',
        metadata: { name: 'older', namespace: 'default' },
        spec,
      });
      // A phase that it does not know is refused in the server's words, until the session has come to the next.
      const refusal = new RegExp(`status\\.phase: Unsupported value: .{1,3}${UNKNOWN_PHASE}`);
      await eventually('the refusal', () => refusal.test(JSON.stringify(told)));
      reviewing.open();
      const read = () => client.get<AgentSession>(RESOURCES.sessions, 'default', 'older', patience());
      const done = await eventually('the end', async () => {
        const session = await read();
        return session.status?.phase === 'Completed' && session;
      });
      expect(done.status?.result?.verified).toBe(true);
      for (const field of newer) expect(done.status).not.toHaveProperty(field);
      const idle = () => {
        const { ready, processing, delayed } = operator.controllers.load.queue;
        return ready === 0 && processing === 0 && delayed === 0;
      };
      await eventually('nothing to do', idle);
      console.info(`${writes} patches for a session on older definitions`);
      expect(writes).toBeLessThanOrEqual(25);
      expect((await read()).metadata.resourceVersion).toBe(done.metadata.resourceVersion);
      // For whoever looks why the status lacks something, and why it is late.
      expect(told).toContainEqual(
        expect.objectContaining({ detail: 'unknown field "status.plan"', advice: expect.stringContaining('crds/') }),
      );
      await client.delete(RESOURCES.sessions, 'default', 'older', {}, patience());
      await eventually('the session to go', () =>
        read().then(
          () => false,
          () => true,
        ),
      );
    } finally {
      await operator.stop(5_000);
    }
  });
});
