/** What the server tells about itself: health, version, discovery, OpenAPI. */
import { methodNotAllowed, notAcceptable, notServed } from './api-status.ts';
import { aggregatedContentType, aggregatedFormat, type Discovery } from './discovery.ts';
import type { OpenApi } from './openapi.ts';
import { type Exchange, send, sendText } from './respond.ts';
import type { Route } from './routes.ts';

export type DocumentRoute = Exclude<Route, { to: 'collection' | 'object' | 'review' }>;

/** What is compatible with this server's answers, for clients that decide by it. */
const version = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+swe-agent',
  // Nobody built this server, but clients of some languages insist on the fields.
  gitCommit: '',
  gitTreeState: '',
  buildDate: '',
  goVersion: '',
  compiler: '',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

/** Answers a request for what describes the server; throws ApiError for what is not there. */
export async function sendDocument(
  exchange: Exchange,
  route: DocumentRoute,
  discovery: Discovery,
  openApi: OpenApi,
): Promise<void> {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
  const { request, response } = exchange;
  switch (route.to) {
    case 'health':
      sendText(response, 'text/plain; charset=utf-8', 'ok');
      return;
    case 'build':
      return send(exchange, 200, version);
    case 'api': {
      const format = aggregatedFormat(request.headers.accept);
      if (format)
        return sendText(response, aggregatedContentType(format), JSON.stringify(discovery.aggregated(route.core, format)));
      return send(exchange, 200, route.core ? discovery.coreVersions(request.headers.host ?? '') : discovery.groupList());
    }
    case 'group':
      return send(exchange, 200, discovery.group(route.group) ?? missing());
    case 'version':
      return send(exchange, 200, discovery.resourceList(route.group, route.version) ?? missing());
    case 'openapi-v2':
      return sendOpenApiV2(exchange, openApi);
    case 'openapi': {
      if (route.document === '') return send(exchange, 200, openApi.index());
      const document = openApi.document(route.document) ?? missing();
      response.setHeader('ETag', `"${document.hash}"`);
      // The hash in the address makes it a name for exactly this text.
      if (exchange.query.has('hash')) response.setHeader('Cache-Control', 'public, immutable');
      return sendText(response, 'application/json', document.text);
    }
  }
}

const protobufV2 = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** `swagger: "2.0"` with an empty `info`. kubectl asks for it to check a manifest of kind List, leaves what it does not find in it to the server, and the server checks strictly. */
const emptyV2 = '\x0a\x032.0\x12\x00';

async function sendOpenApiV2(exchange: Exchange, openApi: OpenApi): Promise<void> {
  const accept = exchange.request.headers.accept ?? '*/*';
  // What is asked for is no valid media type; API servers answer with one that is.
  if (accept.includes(protobufV2)) return sendText(exchange.response, protobufV2.replace('@', '.'), emptyV2);
  if (!/application\/json|\*\/\*/.test(accept)) throw notAcceptable(['application/json']);
  await send(exchange, 200, openApi.documentV2());
}

function missing(): never {
  throw notServed();
}
