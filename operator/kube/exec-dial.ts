/** The way to a websocket of an exec: its address, its credentials, and what a refusal says. */
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { withDeadline } from '../sandbox/deadline.ts';
import type { ExecRequest } from './exec.ts';
import { type KubeEndpoint, KubeUnreachableError, tlsOf } from './http-transport.ts';
import { kubeErrorOfAnswer } from './status-error.ts';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** Servers send frames of at most some 32 KiB; a single larger one than this is no exec. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;

/** @throws KubeError | KubeUnreachableError | the reason of whichever signal aborted */
export async function dial(
  endpoint: KubeEndpoint,
  request: ExecRequest,
  connectMs: number,
  signal: AbortSignal | undefined,
): Promise<WebSocket> {
  const path = execPath(request);
  endpoint.signal.throwIfAborted();
  signal?.throwIfAborted();
  const { WebSocket } = await import('ws');
  const headers = await endpoint.headers();
  const base = new URL(endpoint.baseUrl);
  const url = `${base.protocol === 'http:' ? 'ws' : 'wss'}://${base.host}${base.pathname.replace(/\/$/, '')}${path}`;
  const shown = `exec in ${request.namespace}/${request.pod}`;
  const socket = new WebSocket(url, PROTOCOLS, {
    headers: { 'user-agent': 'swe-agent', ...headers },
    ...tlsOf(endpoint),
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    followRedirects: false,
    handshakeTimeout: connectMs,
  });
  // Until something is there to take them: a frame can arrive in the same segment as the answer to the handshake.
  socket.once('open', () => socket.pause());
  const opened = Promise.withResolvers<void>();
  socket.once('open', opened.resolve);
  socket.on('error', (cause) => {
    opened.reject(new KubeUnreachableError('connection', `${shown}: ${cause.message}`, { sent: true, cause }));
  });
  socket.once('close', () => {
    opened.reject(new KubeUnreachableError('connection', `${shown}: the connection was closed`, { sent: true }));
  });
  socket.once('unexpected-response', (_request, response: IncomingMessage) => {
    void refusal(path, response).then(opened.reject, opened.reject);
  });
  const onEnd = (): void => opened.reject(endpoint.signal.reason);
  endpoint.signal.addEventListener('abort', onEnd, { once: true });
  try {
    await withDeadline(opened.promise, {
      ...(signal && { signal }),
      ms: connectMs,
      late: () => new KubeUnreachableError('deadline', `${shown}: no answer within ${connectMs / 1000} s`, { sent: true }),
    });
    if (!PROTOCOLS.includes(socket.protocol)) {
      throw new KubeUnreachableError('connection', `${shown}: the server speaks ${socket.protocol || 'no protocol known here'}`, {
        sent: true,
      });
    }
    return socket;
  } catch (error) {
    socket.terminate();
    throw error;
  } finally {
    endpoint.signal.removeEventListener('abort', onEnd);
  }
}

function execPath({ namespace, pod, container, command, stdin = false }: ExecRequest): string {
  const query = new URLSearchParams({ container, stdin: String(stdin), stdout: 'true', stderr: 'true' });
  for (const word of command) query.append('command', word);
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec?${query}`;
}

async function refusal(path: string, response: IncomingMessage): Promise<Error> {
  let text = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      text += chunk;
      if (text.length > MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // What arrived of it has to do; the status code alone says enough.
  }
  return kubeErrorOfAnswer({ method: 'GET', path: path.split('?', 1)[0] ?? path }, response, text);
}
