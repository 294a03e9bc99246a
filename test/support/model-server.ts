/**
 * A stand-in for a model: answers from a script over real HTTP, in the true wire format of each provider's API,
 * and refuses malformed requests as the provider does. The system under test uses its real SDK against it.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROBE_TOOL } from '../../operator/llm/probe.ts';
import { object, text } from './model-server/json.ts';
import { keyRefusal, refusalOf, type ServerRules } from './model-server/refusals.ts';
import { type Fault, type FullReply, fullReply, type ModelReply } from './model-server/reply.ts';
import { SeenRequest } from './model-server/seen-request.ts';
import type { ApiRefusal, Wire } from './model-server/wire.ts';
import { openaiPath, routeOf, wires } from './model-server/wires.ts';

export type { ModelReply } from './model-server/reply.ts';
export type { SeenCall, SeenMessage } from './model-server/seen-request.ts';
export { SeenRequest };

/** Replies in their order, one a request; or a model that looks at the conversation and answers accordingly. */
export type ModelScript = readonly ModelReply[] | ((request: SeenRequest) => ModelReply | Promise<ModelReply>);

export type ModelServerOptions = ServerRules & {
  /** 0, the default: any free port. */
  port?: number;
  /** The address to listen on, 127.0.0.1 by default. */
  host?: string;
  /** How many of the latest requests are kept in `requests`; all by default. */
  keep?: number;
  /** The answer to a probe of the operator; by default the call that it asks for. Probes are no part of a script. */
  probe?: (request: SeenRequest) => ModelReply;
};

export type ModelServer = {
  /** With /v1, as OPENAI_BASE_URL wants it. */
  baseUrl: string;
  /** What was asked, oldest first, refused requests included. */
  requests: SeenRequest[];
  /** Probes of the operator, oldest first, refused ones included. */
  probes: SeenRequest[];
  /** Resolves when the next request has come that is not in `requests` yet. */
  nextRequest(): Promise<SeenRequest>;
  /** Ends every connection. */
  close(): Promise<void>;
};

const PROBE_ANSWER: ModelReply = { calls: [{ name: PROBE_TOOL.name, args: { ok: true } }] };

/** Starts the server on 127.0.0.1. A list that has run out answers 400 and says so. */
export async function startModelServer(script: ModelScript, options: ModelServerOptions = {}): Promise<ModelServer> {
  const requests: SeenRequest[] = [];
  const probes: SeenRequest[] = [];
  const waiting: ((request: SeenRequest) => void)[] = [];
  const prefix = randomBytes(6).toString('hex');
  const { keep = Number.POSITIVE_INFINITY, host = '127.0.0.1' } = options;
  let count = 0;

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch((error: unknown) => {
      if (outgoing.headersSent || outgoing.destroyed) outgoing.destroy();
      else
        sendJson(outgoing, 500, {
          error: { message: `the script failed: ${error}`, type: 'server_error', param: null, code: null },
        });
    });
  });

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = (incoming.url ?? '').replace(/\?.*/, '');
    const raw = await read(incoming);
    const models = openaiPath(path.replace(/^\/v1beta(?=\/)/, '')).slice('/v1'.length);
    if (incoming.method === 'GET' && models.startsWith('/models')) {
      const wire = wireOfList(path, incoming.headers);
      const refusal = keyRefusal(incoming.headers, options, wire);
      if (refusal) return refuse(outgoing, wire, refusal);
      if (options.listStatus) return refuse(outgoing, wire, { status: options.listStatus, error: { message: 'Not this.' } });
      return listModels(outgoing, models, options, wire);
    }
    if (path === '/api/show') return showModel(outgoing, raw, options);
    const route = routeOf(path);
    if (incoming.method !== 'POST' || !route) {
      return refuse(outgoing, wires.chat, {
        status: 404,
        error: { message: `Invalid URL (${incoming.method} ${incoming.url})` },
      });
    }
    const wire = wires[route.api];
    const client = new AbortController();
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) client.abort();
    });
    const request = new SeenRequest(count + 1, { ...route, url: incoming.url ?? '' }, wire, {
      headers: incoming.headers,
      raw,
      signal: client.signal,
    });
    try {
      void request.body;
    } catch {
      count++;
      return refuse(outgoing, wire, {
        status: 400,
        error: { message: 'We could not parse the JSON body of your request.' },
      });
    }
    const isProbe = request.tools.length === 1 && request.tools[0] === PROBE_TOOL.name;
    const seen = isProbe ? probes : requests;
    seen.push(request);
    if (seen.length > keep) seen.shift();
    if (!isProbe) {
      count++;
      for (const resolve of waiting.splice(0)) resolve(request);
    }

    const refusal = refusalOf(request, options, wire);
    if (refusal) return refuse(outgoing, wire, refusal);
    if (isProbe) return answer(outgoing, request, options.probe?.(request) ?? PROBE_ANSWER, prefix, wire);
    const reply = typeof script === 'function' ? await script(request) : script[request.number - 1];
    if (!reply) {
      const message = `the script has ${script.length} replies and this is request ${request.number}`;
      return refuse(outgoing, wire, { status: 400, error: { message, code: 'script_exhausted' } });
    }
    await answer(outgoing, request, reply, prefix, wire);
  }

  server.requestTimeout = 0;
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the server has no port');
  return {
    baseUrl: `http://${host}:${address.port}/v1`,
    requests,
    probes,
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function answer(
  outgoing: ServerResponse,
  request: SeenRequest,
  reply: ModelReply,
  prefix: string,
  wire: Wire,
): Promise<void> {
  const { fault } = reply;
  if (fault === 'slow-first-byte') await pause(reply.delayMs ?? 3_600_000, request.signal);
  else if (reply.delayMs) await pause(reply.delayMs, request.signal);
  if (request.gone) return;
  if (typeof fault === 'object' && 'status' in fault) {
    return sendJson(outgoing, fault.status, fault.body ?? wire.errorBody(fault.status, fault.error), fault.headers);
  }
  const full = fullReply(reply, request, prefix);
  const filtered = reply.filtered === undefined ? undefined : wire.filtered?.(reply.filtered, full);
  if (filtered && 'status' in filtered) return refuse(outgoing, wire, filtered);
  if (request.streamed) await stream(outgoing, request, full, reply, wire, filtered?.frames);
  else if (wire.whole) await whole(outgoing, JSON.stringify(wire.whole(full, request)), request, full, fault);
  else refuse(outgoing, wire, { status: 400, error: { message: 'this server answers in a stream only' } });
}

async function stream(
  outgoing: ServerResponse,
  request: SeenRequest,
  full: FullReply,
  { fault, paceMs = 0 }: ModelReply,
  wire: Wire,
  frames: string[] = wire.frames(full, request),
) {
  outgoing.writeHead(200, { 'content-type': wire.contentType, 'x-request-id': `req_${full.id}` });
  const broken = fault === undefined || fault === 'slow-first-byte' ? undefined : fault;
  const sent = broken ? frames.slice(0, Math.ceil(frames.length / 2)) : frames;
  if (paceMs) {
    for (const frame of sent) {
      outgoing.write(frame);
      await pause(paceMs, request.signal);
      if (request.gone) return;
    }
  } else {
    outgoing.write(sent.join(''));
  }
  if (broken === 'hang') return gone(request.signal);
  if (broken === 'drop-mid-stream') {
    // The bytes sent so far must have left before the cut.
    await new Promise<void>((resolve) => outgoing.write('\n', () => resolve()));
    outgoing.destroy();
  } else if (broken === 'truncated-json') {
    const next = frames[sent.length] ?? '';
    outgoing.end(`${next.slice(0, Math.ceil(next.length / 2))}\n\n`);
  } else if (typeof broken === 'object' && 'event' in broken) {
    outgoing.end(wire.errorFrame(broken.event, full, request));
  } else {
    outgoing.end();
  }
}

async function whole(
  outgoing: ServerResponse,
  text: string,
  request: SeenRequest,
  full: FullReply,
  fault: Fault | undefined,
): Promise<void> {
  outgoing.writeHead(200, { 'content-type': 'application/json', 'x-request-id': `req_${full.id}` });
  const half = text.slice(0, Math.ceil(text.length / 2));
  if (fault === 'truncated-json') outgoing.end(half);
  else if (fault === 'drop-mid-stream') outgoing.write(half, () => outgoing.destroy());
  else if (fault === 'hang') {
    outgoing.write(half);
    await gone(request.signal);
  } else outgoing.end(text);
}

/** What Ollama tells of one model. */
function showModel(outgoing: ServerResponse, raw: string, rules: ServerRules): void {
  const body: unknown = JSON.parse(raw);
  const model = text(object(body).model);
  if (rules.models && !rules.models.includes(model)) {
    refuse(outgoing, wires.ollama, wires.ollama.unknownModel(model));
    return;
  }
  const capabilities = rules.withoutTools?.includes(model) ? ['completion'] : ['completion', 'tools'];
  sendJson(outgoing, 200, {
    capabilities,
    model_info: { 'general.architecture': 'scripted', 'scripted.context_length': 40_960 },
  });
}

/** The lists of models have the same address nearly everywhere. */
function wireOfList(path: string, headers: IncomingMessage['headers']): Wire {
  if (path.startsWith('/v1beta/')) return wires.gemini;
  return headers['anthropic-version'] ? wires.anthropic : wires.chat;
}

function listModels(outgoing: ServerResponse, path: string, { models, toldWindow, withoutPages }: ServerRules, wire: Wire): void {
  const model = (id: string) => ({
    id,
    object: 'model',
    created: 1_700_000_000,
    owned_by: 'scripted',
    ...(toldWindow !== undefined && {
      context_length: toldWindow,
      max_input_tokens: toldWindow,
      inputTokenLimit: toldWindow,
    }),
  });
  const id = decodeURIComponent(path.slice('/models/'.length));
  if (!id) sendJson(outgoing, 200, { object: 'list', data: (models ?? ['scripted']).map(model) });
  else if (withoutPages) refuse(outgoing, wire, { status: 404, error: { message: 'Not Found' } });
  else if (models === undefined || models.includes(id)) sendJson(outgoing, 200, model(id));
  else {
    const error = { message: `The model '${id}' does not exist`, code: 'model_not_found', param: 'model' };
    refuse(outgoing, wire, { status: 404, error });
  }
}

function refuse(outgoing: ServerResponse, wire: Wire, refusal: ApiRefusal): void {
  sendJson(outgoing, refusal.status, wire.errorBody(refusal.status, refusal.error));
}

function sendJson(outgoing: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const json = typeof body !== 'string';
  outgoing.writeHead(status, { 'content-type': json ? 'application/json' : 'text/plain', ...headers });
  outgoing.end(json ? JSON.stringify(body) : body);
}

async function read(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return text;
}

/** Waits the time, or until the client goes away. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

async function gone(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
