/** A git server for tests: git's own http-backend behind node:http or node:https, with Basic authentication. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gitEnvironment } from './git-repository.ts';

export type GitHttpServerOptions = {
  /** Folder with the repositories. */
  root: string;
  tls?: { key: string; cert: string };
  /** The token that is asked for; anybody may read and nobody may push without one. */
  token?: string;
  /** Whether the token may push; default true. */
  mayPush?: boolean;
  /** Answers every request for a path that begins with the key by a redirect to the URL. */
  redirects?: Record<string, string>;
  /** Speaks only the first version of the protocol, which gives no commits by id. */
  oldProtocol?: boolean;
  /** Answers everything with this status. */
  status?: number;
  /** Awaited before a request is answered that was let in. */
  pause?: (request: SeenRequest) => Promise<void>;
  /** Never answers. */
  silent?: boolean;
};

export type SeenRequest = { method: string; url: string; authorization: string | undefined; bytesSent: number };

export type GitHttpServer = AsyncDisposable & {
  /** https://127.0.0.1:<port> */
  url: string;
  host: string;
  port: number;
  /** Every request so far. */
  seen: SeenRequest[];
  options: GitHttpServerOptions;
};

export async function startGitHttpServer(options: GitHttpServerOptions): Promise<GitHttpServer> {
  const seen: SeenRequest[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response, server.options, seen).catch((error: unknown) =>
      response.destroy(Error.isError(error) ? error : undefined),
    );
  };
  const listener = options.tls ? createHttpsServer(options.tls, handle) : createHttpServer(handle);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const server: GitHttpServer = {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    seen,
    options,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close');
      listener.close();
      listener.closeAllConnections();
      await closed;
    },
  };
  return server;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitHttpServerOptions,
  seen: SeenRequest[],
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://git');
  const { authorization } = request.headers;
  const record: SeenRequest = { method: request.method ?? '', url: request.url ?? '', authorization, bytesSent: 0 };
  seen.push(record);
  if (options.silent) return;
  const [, target] = Object.entries(options.redirects ?? {}).find(([prefix]) => url.pathname.startsWith(prefix)) ?? [];
  if (target !== undefined) {
    response.writeHead(301, { location: `${target}${url.search}` }).end();
    return;
  }
  const pushing = url.searchParams.get('service') === 'git-receive-pack' || url.pathname.endsWith('/git-receive-pack');
  const token = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':')[1];
  if (options.status !== undefined) return refuse(response, options.status);
  if (options.token !== undefined && token !== options.token) return refuse(response, 401);
  if (pushing && (options.token === undefined || options.mayPush === false)) return refuse(response, 403);
  await options.pause?.(record);
  if (response.destroyed) return;
  await runBackend(request, response, url, options, record);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 401 ? { 'www-authenticate': 'Basic realm="git"' } : {}).end();
}

async function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  options: GitHttpServerOptions,
  record: SeenRequest,
): Promise<void> {
  const protocol = options.oldProtocol ? undefined : request.headers['git-protocol'];
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...gitEnvironment(),
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      REMOTE_USER: 'tester',
      ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  response.on('close', () => backend.kill());
  const output = await buffer(backend.stdout);
  const end = output.indexOf('\r\n\r\n');
  const headers = output.subarray(0, Math.max(end, 0)).toString().split('\r\n');
  let status = 200;
  for (const header of headers) {
    const [name = '', value = ''] = header.split(/: (.*)/s);
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
    else if (name !== '') response.setHeader(name, value);
  }
  record.bytesSent = output.length - end - 4;
  response.writeHead(status).end(output.subarray(end + 4));
}
