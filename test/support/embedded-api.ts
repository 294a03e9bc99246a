import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { type EmbeddedApi, type EmbeddedApiOptions, startEmbeddedApi } from '../../local/api/server.ts';
import { temporaryFolder } from './temporary-folder.ts';

const root = join(import.meta.dirname, '../..');

/** The definitions that the project serves. */
export const definitions: readonly string[] = ['agentsession', 'aiprofile'].map((name) => join(root, 'crds', `${name}.yaml`));

export const sessionsPath = '/apis/sweagent.dev/v1alpha1/namespaces/default/agentsessions';
export const profilesPath = '/apis/sweagent.dev/v1alpha1/namespaces/default/aiprofiles';
export const secretsPath = '/api/v1/namespaces/default/secrets';

export type Json = Record<string, unknown>;

export type Answer = {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  body: any;
};

/** Where an API server is, and what it is to be shown: the embedded one or any other. */
export type ApiAccess = Pick<EmbeddedApi, 'url' | 'caPem' | 'token'>;

export type Wire = {
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Opens a watch and collects its events. */
  watch(path: string, headers?: Record<string, string>): Promise<TestWatch>;
};

export type TestApi = EmbeddedApi & Wire & { readonly stateDir: string } & AsyncDisposable;

export type TestWatch = {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of any kind
  events: { type: string; object: any }[];
  /** How the stream came to its end: the server ended it in order, or the connection was cut. */
  ended: Promise<'ended' | 'cut'>;
  close(): void;
};

/** An embedded API in a folder of its own, gone when it goes out of scope. A failure of it that no test listens for fails there. */
export async function testApi(options: Partial<EmbeddedApiOptions> = {}): Promise<TestApi> {
  const folder = await temporaryFolder();
  const stateDir = options.stateDir ?? join(folder.path, 'state');
  const faults: unknown[] = [];
  const defaults = { crds: definitions, user: 'ada', onError: (error: unknown) => void faults.push(error) };
  const api = await startEmbeddedApi({ ...defaults, ...options, stateDir }).catch(async (error: unknown) => {
    await folder[Symbol.asyncDispose]();
    throw error;
  });
  return {
    ...api,
    stateDir,
    ...wire(api),
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await folder[Symbol.asyncDispose]();
      if (faults.length) throw new AggregateError(faults, 'the embedded API failed');
    },
  };
}

/** Plain requests to an API server, each on a connection of its own. */
export function wire(api: ApiAccess): Wire {
  return {
    send: (method, path, body, headers) => send(api, method, path, body, headers),
    watch: (path, headers) => watch(api, path, headers),
  };
}

/** A session with what is required, and what the test adds. */
export function session(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name, ...metadata },
    spec: { goal: 'Fix the bug', repository: { url: 'https://example.com/repo.git' }, ...spec },
  };
}

export const mergePatchType = { 'content-type': 'application/merge-patch+json' };
export const jsonPatchType = { 'content-type': 'application/json-patch+json' };

function options(api: ApiAccess, method: string, path: string, headers: Record<string, string>) {
  return { method, ca: api.caPem, agent: false, headers: { authorization: `Bearer ${api.token}`, ...headers }, path };
}

async function send(
  api: ApiAccess,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const content =
    body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const type =
    content === undefined
      ? {}
      : {
          'content-type': 'application/json',
          ...(headers['transfer-encoding'] === undefined && { 'content-length': String(Buffer.byteLength(content)) }),
        };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(api.url, options(api, method, path, { ...type, ...headers }), (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const json = /[/+]json/.test(response.headers['content-type'] ?? '');
        resolve({ code: response.statusCode ?? 0, headers: response.headers, text, body: json ? JSON.parse(text) : undefined });
      });
    });
    request.on('error', reject);
    request.end(content);
  });
}

async function watch(api: ApiAccess, path: string, headers: Record<string, string> = {}): Promise<TestWatch> {
  const events: TestWatch['events'] = [];
  return new Promise((resolve, reject) => {
    const request = httpsRequest(api.url, options(api, 'GET', path, headers), (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) events.push(JSON.parse(line));
      });
      const ended = new Promise<'ended' | 'cut'>((end) => {
        response.on('end', () => end('ended'));
        response.on('close', () => end('cut'));
        response.on('error', () => end('cut'));
      });
      resolve({ events, ended, close: () => request.destroy() });
    });
    request.on('error', reject);
    request.end();
  });
}
