/** What a script lets the model answer. */
import type { SeenRequest } from './seen-request.ts';
import type { ErrorText } from './wire.ts';

/** `written`: of the input, what was newly written to the cache, where the API tells. */
export type ReplyUsage = { input?: number; cached?: number; written?: number; output?: number; reasoning?: number };

/** An error as the API sends it within a stream that has begun. */
export type StreamError = { event: { code: string; message: string; type?: string } };

export type Fault =
  /** Answers with this status and body, or with this error, or with the body that the API sends for the status. */
  | { status: number; headers?: Record<string, string>; body?: unknown; error?: ErrorText }
  | StreamError
  /** Half of the answer, then the connection is cut. */
  | 'drop-mid-stream'
  /** Nothing at all for delayMs, or until the client goes away. */
  | 'slow-first-byte'
  /** An answer whose JSON ends in the middle. */
  | 'truncated-json'
  /** Half of the answer, then silence until the client goes away. */
  | 'hang';

export type ModelReply = {
  text?: string;
  /** Objects are written as JSON; a string is sent as it is, JSON or not. */
  calls?: { name: string; args?: Record<string, unknown> | string; id?: string }[];
  /** Reasoning: an item with encrypted content (Responses), reasoning_content (chat). */
  reasoning?: string;
  /** The model would not. */
  refusal?: string;
  /** The provider's filter refuses the request, in these words. */
  filtered?: string;
  /** Ends the answer early, as a token limit or a filter does. */
  stop?: 'length' | 'content_filter';
  /** Tokens; estimated from the texts when absent. `none`: a server that reports no usage. */
  usage?: ReplyUsage | 'none';
  fault?: Fault;
  /** Time before the first byte. */
  delayMs?: number;
  /** Time between pieces of a streamed answer; they are sent at once without it. */
  paceMs?: number;
};

export type ReplyCall = { id: string; itemId: string; name: string; arguments: string };
export type FullUsage = Required<ReplyUsage>;

/** A reply with everything filled in, ready to be put on the wire. */
export type FullReply = {
  id: string;
  created: number;
  model: string;
  text: string;
  calls: ReplyCall[];
  reasoning: string;
  refusal: string;
  stop: 'length' | 'content_filter' | undefined;
  usage: FullUsage | undefined;
};

export function fullReply(reply: ModelReply, request: SeenRequest, prefix: string): FullReply {
  const id = `${prefix}${String(request.number).padStart(6, '0')}`;
  const calls = (reply.calls ?? []).map((call, index) => ({
    id: call.id ?? `call_${id}${index}`,
    itemId: `fc_${id}${index}`,
    name: call.name,
    arguments: typeof call.args === 'string' ? call.args : JSON.stringify(call.args ?? {}),
  }));
  const [text, reasoning, refusal] = [reply.text ?? '', reply.reasoning ?? '', reply.refusal ?? ''];
  return {
    id,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    text,
    calls,
    reasoning,
    refusal,
    stop: reply.stop,
    usage: reply.usage === 'none' ? undefined : usageOf(reply.usage ?? {}, request, [text, reasoning, refusal], calls),
  };
}

function usageOf(given: ReplyUsage, request: SeenRequest, texts: string[], calls: ReplyCall[]): FullUsage {
  const sent = texts.join('').length + calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
  return {
    input: given.input ?? Math.ceil(request.raw.length / 4),
    cached: given.cached ?? 0,
    written: given.written ?? 0,
    output: given.output ?? Math.max(1, Math.ceil(sent / 4)),
    reasoning: given.reasoning ?? Math.ceil((texts[1] ?? '').length / 4),
  };
}

/** The text in the pieces a streaming server sends: about `count` of them, never splitting a surrogate pair. */
export function pieces(text: string, count = 8): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / count));
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += size) parts.push(characters.slice(at, at + size).join(''));
  return parts;
}
