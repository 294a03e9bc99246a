/**
 * Whether a model can do the work at all: what its server tells of it, and then one small call that it has to answer with
 * a tool. It costs some tens of tokens; a server that has told everything is not asked for a call.
 */
import type { ModelCard } from './model-card.ts';
import { type Message, type ModelAnswer, ModelError, type ModelProvider, type ModelRequest, type ToolSpec } from './provider.ts';

export type ProbeFacts = {
  /** Undefined when the answer did not come to that: cut off, or refused. */
  toolCalling: boolean | undefined;
  /** Tokens that the model takes in one call; undefined when its server does not tell. */
  contextWindow: number | undefined;
};

/** What a probe tries. */
export type Probed = {
  provider: ModelProvider;
  /** For messages. */
  host: string;
  request: Pick<ModelRequest, 'model' | 'temperature' | 'topP' | 'reasoningEffort'>;
  card(signal: AbortSignal): Promise<ModelCard>;
};

/** The only tool on offer in a probe; it stands for nothing. */
export const PROBE_TOOL: ToolSpec = {
  name: 'confirm_connection',
  description: 'Confirms that tools can be called. Call it with ok set to true.',
  parameters: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false },
};
const ASKED = `Call the tool ${PROBE_TOOL.name} once, with ok set to true. This only checks that you can call tools.`;
const ASKED_AGAIN = `Do not answer in words. Call the tool ${PROBE_TOOL.name} now.`;
/** Far above what is needed; thoughts count too. */
const MOST_OUTPUT_TOKENS = 1_024;
/** A model that is loaded first takes a while. */
export const PROBE_DEADLINE_MS = 45_000;

/**
 * Tries a model, within `deadlineMs`.
 * @throws ModelError, or the signal's reason
 */
export async function probeModel(probed: Probed, signal: AbortSignal, deadlineMs = PROBE_DEADLINE_MS): Promise<ProbeFacts> {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    return await probe(probed, AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!signal.aborted && deadline.aborted) {
      const seconds = Math.round(deadlineMs / 1_000);
      throw new ModelError('transient', `the model at ${probed.host} gave no answer within ${seconds} s`, { cause: error });
    }
    throw error;
  }
}

/** A key may be good for calls and for nothing else, and a list may be out of order while calls work: the call will tell. */
function withoutCard(error: unknown): ModelCard {
  const answered = error instanceof ModelError && error.status !== undefined;
  if (answered && (error.status === 403 || error.class === 'transient' || error.class === 'invalid')) return {};
  throw error;
}

async function probe({ provider, request, card }: Probed, signal: AbortSignal): Promise<ProbeFacts> {
  const { toolCalling, contextWindow } = await card(signal).catch(withoutCard);
  if (toolCalling !== undefined) return { toolCalling, contextWindow };
  const ask = (messages: Message[]): Promise<ModelAnswer> =>
    provider.call(
      {
        ...request,
        system: 'You are being checked for whether you can call tools.',
        messages,
        tools: [PROBE_TOOL],
        // As sessions ask: some models refuse to be forced.
        toolChoice: 'auto',
        maxOutputTokens: MOST_OUTPUT_TOKENS,
      },
      { signal },
    );
  const asked: Message = { role: 'user', text: ASKED };
  const first = await ask([asked]);
  // Once may happen; servers that cannot force a call leave it to the model.
  const answer =
    first.calls.length === 0 && first.stop === 'end'
      ? await ask([asked, { role: 'assistant', text: first.text, calls: [] }, { role: 'user', text: ASKED_AGAIN }])
      : first;
  const told = answer.calls.length > 0 || answer.stop === 'end';
  return { toolCalling: told ? answer.calls.length > 0 : undefined, contextWindow };
}
