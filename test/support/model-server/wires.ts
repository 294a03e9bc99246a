/** Every API that the scripted server speaks, and the addresses at which it does. */

import { anthropicWire } from './anthropic-wire.ts';
import { chatErrorFrame, chatFrames, chatWhole } from './chat-wire.ts';
import { geminiWire } from './gemini-wire.ts';
import { ollamaWire } from './ollama-wire.ts';
import { openaiRefusals } from './openai-refusals.ts';
import { chatView, responsesView } from './openai-view.ts';
import { responsesErrorFrame, responsesFrames, responsesWhole } from './responses-wire.ts';
import type { Api, Route } from './seen-request.ts';
import type { Wire } from './wire.ts';

const SSE = 'text/event-stream; charset=utf-8';

export const wires: Record<Api, Wire> = {
  chat: {
    contentType: SSE,
    view: chatView,
    frames: chatFrames,
    whole: chatWhole,
    errorFrame: chatErrorFrame,
    ...openaiRefusals('chat'),
  },
  responses: {
    contentType: SSE,
    view: responsesView,
    frames: responsesFrames,
    whole: responsesWhole,
    errorFrame: responsesErrorFrame,
    ...openaiRefusals('responses'),
  },
  anthropic: anthropicWire,
  gemini: geminiWire,
  ollama: ollamaWire,
};

/** Azure's paths, with and without a deployment's name, in front of OpenAI's own. */
const AZURE = /^\/openai(\/v1|\/deployments\/[^/]+)?(?=\/)/;

/** The path as OpenAI has it: Azure's is another, and a client may be told the address without its version. */
export function openaiPath(path: string): string {
  const bare = path.replace(AZURE, '').replace(/^\/v1(?=\/)/, '');
  return `/v1${bare}`;
}

/** The API of a request by its path, without host and query. */
export function routeOf(path: string): Route | undefined {
  if (path === '/api/chat') return { api: 'ollama' };
  if (path === '/v1/messages') return { api: 'anthropic' };
  const [, model, method] = /^\/v1beta\/models\/([^/]+):(\w+)$/.exec(path) ?? [];
  if (model !== undefined)
    return { api: 'gemini', model: decodeURIComponent(model), streamed: method === 'streamGenerateContent' };
  const openai = openaiPath(path);
  if (openai === '/v1/chat/completions') return { api: 'chat' };
  if (openai === '/v1/responses') return { api: 'responses' };
  return undefined;
}
