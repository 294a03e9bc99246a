/** What every API refuses, each in its own words. */
import type { IncomingHttpHeaders } from 'node:http';
import { text } from './json.ts';
import type { SeenRequest } from './seen-request.ts';
import type { ApiRefusal, Wire } from './wire.ts';

/** How strict the server is beyond the form of requests. */
export type ServerRules = {
  /** The only key that is let in; any when absent. */
  apiKey?: string;
  /** The only models there are; any when absent. */
  models?: string[];
  /** Tokens (four bytes each) above which a request overflows. */
  contextWindow?: number;
  /** Tokens that the server's list says its models take; absent, it says nothing of that. */
  toldWindow?: number;
  /** What the list of models is answered with instead. */
  listStatus?: number;
  /** Whether the server lists its models without having an address for each. */
  withoutPages?: boolean;
  /** Names of parameters that this server does not know. */
  unsupported?: string[];
  /** Models that cannot call tools, where the API knows such. */
  withoutTools?: string[];
};

/** Where the different APIs expect the key. */
const KEY_HEADERS = ['api-key', 'x-goog-api-key'];

/** What a request is refused for whose key is not the right one. */
export function keyRefusal(headers: IncomingHttpHeaders, rules: ServerRules, wire: Wire): ApiRefusal | undefined {
  if (rules.apiKey === undefined) return undefined;
  const named = KEY_HEADERS.map((name) => text(headers[name])).find((value) => value !== '');
  const key = named ?? headers.authorization?.replace(/^Bearer /, '') ?? '';
  if (key === rules.apiKey) return undefined;
  return wire.wrongKey(key.length > 8 ? `${key.slice(0, 8)}***${key.slice(-4)}` : key);
}

export function refusalOf(request: SeenRequest, rules: ServerRules, wire: Wire): ApiRefusal | undefined {
  const wrongKey = keyRefusal(request.headers, rules, wire);
  if (wrongKey) return wrongKey;
  const { body, model, raw } = request;
  if (!model || (rules.models && !rules.models.includes(model))) return wire.unknownModel(model);
  const parameters = wire.parameters?.(body) ?? body;
  const unknown = rules.unsupported?.find((name) => name in parameters);
  if (unknown !== undefined) return wire.unknownParameter(unknown);
  const tokens = Math.ceil(raw.length / 4);
  if (rules.contextWindow !== undefined && tokens > rules.contextWindow) return wire.tooLong(tokens, rules.contextWindow);
  if (request.tools.length && rules.withoutTools?.includes(model)) return wire.withoutTools?.(model);
  return wire.refusal(request);
}
