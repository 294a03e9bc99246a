/** Every API that the scripted server speaks, and the addresses at which it does. */

import { anthropicWire } from './anthropic-wire.ts';
import { chatErrorFrame, chatFrames, chatWhole } from './chat-wire.ts';
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
};

/** The API of a request by its path, without host and query. */
export function routeOf(path: string): Route | undefined {
  if (path === '/v1/chat/completions') return { api: 'chat' };
  if (path === '/v1/responses') return { api: 'responses' };
  if (path === '/v1/messages') return { api: 'anthropic' };
  return undefined;
}
