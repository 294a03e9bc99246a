/**
 * A gateway on a port of its own, over the embedded Kubernetes API and a log on disk. Whatever it answers is compared with its own
 * OpenAPI document.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { Registry } from 'prom-client';
import { createGateway, type Gateway, type GatewayDeps } from '../../api-gateway/gateway.ts';
import { openApi } from '../../api-gateway/openapi/document.ts';
import { startEmbeddedApi } from '../../local/api/server.ts';
import { type AgentSession, RESOURCES } from '../../operator/api/resources.ts';
import type { AgentSessionStatus } from '../../operator/api/types.gen.ts';
import type { EventBody, SessionEvent } from '../../operator/engine/events.ts';
import { FolderBlobStore } from '../../operator/engine/folder-blobs.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import type { KubeEndpoint } from '../../operator/kube/http-transport.ts';
import { PATIENCE_MS } from './eventually.ts';
import { type Answer, type Request, send } from './http-send.ts';
import { KeepingLogger } from './keeping-logger.ts';
import type { ScriptedKubeServer } from './kube-server.ts';

export const NAMESPACE = 'default';
const HOLDER = 'the-operator';

export class TestGateway implements AsyncDisposable {
  readonly url: string;
  readonly handler: Gateway['handler'];
  readonly kube: HttpKubeClient;
  readonly log: SqliteEventLog;
  readonly blobs: FolderBlobStore;
  readonly logger: KeepingLogger;
  /** "METHOD /path/{of}/operation status" of each answer that the document describes. */
  readonly seen = new Set<string>();
  readonly #close: () => Promise<void>;
  /** Listens once more, on a port of the test's choice. */
  readonly listenAgain: (port: number) => Promise<unknown>;
  #closed: Promise<void> | undefined;

  private constructor(
    parts: Pick<TestGateway, 'url' | 'handler' | 'kube' | 'log' | 'blobs' | 'logger' | 'listenAgain'>,
    close: () => Promise<void>,
  ) {
    this.url = parts.url;
    this.handler = parts.handler;
    this.kube = parts.kube;
    this.log = parts.log;
    this.blobs = parts.blobs;
    this.logger = parts.logger;
    this.listenAgain = parts.listenAgain;
    this.#close = close;
  }

  /** @param options scripted: over this server, which does what it is told; without it over the embedded API */
  static async start(
    options: Partial<GatewayDeps> & { host?: string; scripted?: ScriptedKubeServer } = {},
  ): Promise<TestGateway> {
    const { host = '127.0.0.1', scripted, ...deps } = options;
    await using started = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
    started.defer(() => rm(folder, { recursive: true }));
    const log = new SqliteEventLog({ path: join(folder, 'log.db'), fsync: false });
    started.defer(() => log.close());
    const blobs = await FolderBlobStore.open(join(folder, 'blobs'), { fsync: false });
    const ended = new AbortController();
    const endpoint = scripted ? endpointOf(scripted) : await embedded(folder, started);
    started.defer(() => ended.abort());
    const kube = new HttpKubeClient({ ...endpoint, signal: ended.signal }, { tries: 1, requestTimeoutMs: PATIENCE_MS });
    const logger = new KeepingLogger();
    const gateway = createGateway({
      kube,
      log,
      blobs,
      auth: { mode: 'none' },
      author: () => 'ada',
      namespace: NAMESPACE,
      metrics: new Registry(),
      now: Date.now,
      logger,
      allowLocalRepositories: false,
      about: { sandboxTypes: ['local'] },
      ...deps,
    });
    const { url, close } = await gateway.listen(host, 0);
    started.defer(close);
    const all = started.move();
    const listenAgain = (port: number) => gateway.listen('127.0.0.1', port);
    return new TestGateway({ url, handler: gateway.handler, kube, log, blobs, logger, listenAgain }, () => all.disposeAsync());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async send(path: string, request: Request = {}): Promise<Answer> {
    const answer = await send(`${this.url}${path}`, request);
    this.#compare(request.method ?? 'GET', path, answer);
    return answer;
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.send(path, headers ? { headers } : {});
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { method: 'POST', headers, body });
  }

  /** Starts a session and returns its id. */
  async started(changes: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.post('/agent/sessions', {
      goal: 'Mend the sum',
      repo_url: 'https://example.com/r.git',
      ...changes,
    });
    const body = answer.json();
    if (typeof body !== 'object' || body === null || !('session_id' in body) || typeof body.session_id !== 'string') {
      throw new Error(`no session: ${answer.status} ${answer.text}`);
    }
    return body.session_id;
  }

  /** Every session there is. */
  async objects(): Promise<AgentSession[]> {
    return (await this.kube.list<AgentSession>(RESOURCES.sessions, { namespace: NAMESPACE })).items;
  }

  object(id: string): Promise<AgentSession> {
    return this.kube.get<AgentSession>(RESOURCES.sessions, NAMESPACE, id);
  }

  /** What the operator would write. */
  async setStatus(id: string, status: AgentSessionStatus): Promise<void> {
    await this.kube.mergePatch(RESOURCES.sessions, NAMESPACE, id, { status }, 'status');
  }

  /** Appends events as the operator would. */
  async happen(id: string, ...events: EventBody[]): Promise<SessionEvent[]> {
    const { metadata } = await this.object(id);
    const claim = await this.log.claim(metadata.uid ?? '', HOLDER);
    const time = new Date().toISOString();
    return this.log.append(
      claim.uid,
      claim.epoch,
      claim.lastSeq,
      events.map((event) => ({ ...event, time })),
    );
  }

  #compare(method: string, path: string, answer: Answer): void {
    const pathname = path.split('?', 1)[0] ?? '';
    const operation = operations().find((one) => one.method === method && one.pattern.test(pathname));
    if (!operation) return;
    const exact = operation.answers.get(String(answer.status));
    const described = exact ?? operation.answers.get('default');
    const type = answer.headers['content-type']?.split(';', 1)[0] ?? '';
    const where = `${method} ${operation.path} ${answer.status}`;
    const validate = described?.get(type);
    if (!described) throw new Error(`${where} is not in the OpenAPI document: ${answer.text}`);
    if (answer.bytes.length > 0 && !validate) throw new Error(`${where} is not described with ${type}: ${answer.text}`);
    if (validate && type.endsWith('json') && !validate(answer.json())) {
      expect({ where, errors: validate.errors, body: answer.json() }).toEqual({ where, errors: null });
    }
    if (exact) this.seen.add(where);
  }
}

type Endpoint = Omit<KubeEndpoint, 'signal'>;

function endpointOf(scripted: ScriptedKubeServer): Endpoint {
  return { baseUrl: scripted.url, headers: async () => ({}) };
}

async function embedded(folder: string, started: AsyncDisposableStack): Promise<Endpoint> {
  const crds = ['agentsession', 'aiprofile'].map((name) => join(import.meta.dirname, `../../crds/${name}.yaml`));
  const options = { stateDir: join(folder, 'kubernetes'), crds, user: 'ada' };
  const api = started.adopt(await startEmbeddedApi(options), (one) => one.close());
  return { baseUrl: api.url, ca: api.caPem, headers: async () => ({ authorization: `Bearer ${api.token}` }) };
}

type Validate = ((value: unknown) => boolean) & { errors?: unknown };
type Operation = { method: string; path: string; pattern: RegExp; answers: Map<string, Map<string, Validate>> };

let compiled: Operation[] | undefined;

/** The operations of the document. A field of an answer that it does not name is an error here. */
export function operations(): Operation[] {
  compiled ??= compile();
  return compiled;
}

function compile(): Operation[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajvFormats.default(ajv, ['date-time']);
  ajv.addSchema({ $id: 'document', ...record(closed(openApi())) });
  return Object.entries(record(openApi().paths)).flatMap(([path, item]) =>
    Object.entries(record(item))
      .filter(([method]) => method !== 'parameters')
      .map(([method, operation]) => {
        const answers = new Map<string, Map<string, Validate>>();
        for (const [status, response] of Object.entries(record(record(operation).responses))) {
          const types = Object.keys(record(record(response).content)).map((type): [string, Validate] => {
            const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
            return [type, ajv.compile({ $ref: `document#/${pointer.map(escapePointer).join('/')}` })];
          });
          answers.set(status, new Map(types));
        }
        const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`);
        return { method: method.toUpperCase(), path, pattern, answers };
      }),
  );
}

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const out = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  if (out.type === 'object' && out.properties && !('additionalProperties' in out)) out.additionalProperties = false;
  return out;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function escapePointer(segment: string): string {
  return encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'));
}
