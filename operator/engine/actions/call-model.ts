/** One call to the model: the context is made to fit first, the intent is on disk before the request leaves. */
import { contextStep, outputReserve } from '../../agent/context.ts';
import { goal, plan } from '../../agent/opening.ts';
import { prompt } from '../../agent/prompts.ts';
import { renderConversation } from '../../agent/render.ts';
import { toolsFor } from '../../agent/tools/catalog.ts';
import { cut } from '../../api/conditions.ts';
import { costOf } from '../../llm/prices.ts';
import { type Message, type ModelAnswer, ModelError, type ModelRequest } from '../../llm/provider.ts';
import { nextRetry } from '../../llm/retry.ts';
import { estimateTokens } from '../../llm/tokens.ts';
import { STUCK_AT } from '../converse.ts';
import type { ModelPurpose } from '../event-parts.ts';
import type { EventBody } from '../events.ts';
import { endsCommands } from '../interrupt.ts';
import { logLines } from '../log-lines.ts';
import type { ModelBinding } from '../ports.ts';
import type { Conversation, Turn } from '../state.ts';
import { checkpointWhileThinking } from './checkpoint.ts';
import type { ActionContext } from './context.ts';

/** Text of the model is shown while it comes, in events at least this far apart. */
const OUTPUT_EVERY_MS = 2_000;
const OUTPUT_CHARS = 4_000;
const DIAGNOSIS_TURNS = 12;
const DIAGNOSIS_CHARS = 2_000;
/** What comes from outside is never larger in an event than this. */
const MESSAGE_CHARS = 2_000;
const NOTE_CHARS = 8_000;
const NAME_CHARS = 128;

export async function callModel(action: { profile: string; diagnose: boolean }, context: ActionContext): Promise<void> {
  const conversation = current(context);
  const binding = await context.deps.models.bind(context.session, action.profile, context.signal);
  if (action.diagnose) return diagnose(binding, conversation, context);
  const { parameters, contextWindow } = binding;
  const rendered = await renderConversation(conversation, context.texts);
  const tools = toolsFor(conversation.role, binding.model).specs;
  const fixed =
    estimateTokens(rendered.system) +
    estimateTokens(rendered.messages[0]?.role === 'user' ? rendered.messages[0].text : '') +
    estimateTokens(JSON.stringify(tools));
  const reserve = outputReserve(contextWindow, parameters.maxOutputTokens);
  const step = contextStep(conversation, fixed, contextWindow, reserve, conversation.failures?.class === 'overflow');
  if (step.do === 'prune') return context.emit({ type: 'context.pruned', conversation: conversation.id, callIds: step.callIds });
  if (step.do === 'summarise') return summarise(step.keepFrom, binding, conversation, context);
  const answer = await request(binding, conversation, context, 'step', { ...rendered, tools, toolChoice: 'auto' });
  if (!answer) return;
  const calls = await Promise.all(
    answer.calls.map(async (call) => ({
      ...call,
      name: cut(call.name, NAME_CHARS),
      arguments: await context.texts.store(call.arguments),
    })),
  );
  context.emit({
    ...(await answered(answer, binding, conversation, context, 'step')),
    calls,
    ...(answer.state ? { state: await context.texts.storeJson(answer.state) } : {}),
  });
  if (answer.stop === 'length' && calls.length === 0) {
    const text =
      'Your last answer reached the length limit and was cut. Go on in smaller pieces: one tool call at a time, and large files in parts.';
    context.emit({ type: 'note.added', conversation: conversation.id, reason: 'cut-off', text });
  }
}

/** Replaces the older turns by the model's own summary of them. */
async function summarise(
  keepFrom: number,
  binding: ModelBinding,
  conversation: Conversation,
  context: ActionContext,
): Promise<void> {
  // Where even the whole was too long, the same with a question at its end would be as well.
  const short = conversation.failures?.class === 'overflow';
  const turns = conversation.turns.slice(0, keepFrom);
  const past: Conversation = { ...conversation, turns: short ? turns.map(withoutResult) : turns };
  const { system, messages } = await renderConversation(past, context.texts);
  const asked: Message[] = [...messages, { role: 'user', text: prompt('summary') }];
  const tools = toolsFor(conversation.role, binding.model).specs;
  const answer = await request(binding, conversation, context, 'summary', { system, messages: asked, tools, toolChoice: 'none' });
  if (!answer) return;
  context.emit({ ...(await answered(answer, binding, conversation, context, 'summary')), calls: [] });
  context.emit({
    type: 'context.summarised',
    conversation: conversation.id,
    keepFrom,
    summary: await context.texts.store(answer.text),
  });
}

function withoutResult(turn: Turn): Turn {
  return turn.kind === 'result' ? { ...turn, pruned: true } : turn;
}

/** A look from outside at a conversation that goes in circles. */
async function diagnose(binding: ModelBinding, conversation: Conversation, context: ActionContext): Promise<void> {
  const { messages } = await renderConversation(
    { ...conversation, turns: conversation.turns.slice(-DIAGNOSIS_TURNS), keepFrom: 0, summary: undefined },
    context.texts,
  );
  const story = messages.slice(1).map((message) => {
    if (message.role === 'tool') return `Result of ${message.name}:\n${message.text.slice(0, DIAGNOSIS_CHARS)}`;
    if (message.role === 'user') return `Told: ${message.text.slice(0, DIAGNOSIS_CHARS)}`;
    const calls = message.calls.map((call) => `→ ${call.name} ${call.arguments.slice(0, DIAGNOSIS_CHARS)}`);
    return [message.text.slice(0, DIAGNOSIS_CHARS), ...calls].filter((part) => part !== '').join('\n');
  });
  const text = `${goal(context.state)}\n\n# Plan\n\n${plan(context.state)}\n\n# The last actions\n\n${story.join('\n\n')}`;
  const answer = await request(binding, conversation, context, 'diagnosis', {
    system: prompt('diagnosis'),
    messages: [{ role: 'user', text }],
    tools: [],
    toolChoice: 'none',
  });
  if (!answer) return;
  context.emit(
    { ...(await answered(answer, binding, conversation, context, 'diagnosis')), calls: [] },
    {
      type: 'note.added',
      conversation: conversation.id,
      reason: 'diagnosis',
      text: `The same action gave the same result ${STUCK_AT} more times. A colleague looked at it afresh:\n\n${cut(answer.text, NOTE_CHARS)}`,
    },
  );
}

type RequestParts = Pick<ModelRequest, 'system' | 'messages' | 'tools' | 'toolChoice'>;

/** The call itself; undefined when it failed or was interrupted, which is recorded. */
async function request(
  binding: ModelBinding,
  conversation: Conversation,
  context: ActionContext,
  purpose: ModelPurpose,
  parts: RequestParts,
): Promise<ModelAnswer | undefined> {
  const { deps, signal, state } = context;
  const call = state.steps + 1;
  const { profile, model, parameters } = binding;
  const at = { conversation: conversation.id, call };
  if (!binding.pricing) sayThatCostIsUnknown(binding, context);
  context.emit({ type: 'model.requested', ...at, profile, model, purpose });
  await context.flush();
  began.set(context, deps.now());
  await using _saving = purpose === 'step' ? checkpointWhileThinking(context) : null;
  try {
    return await binding.provider.call(
      {
        ...parts,
        model,
        cacheKey: `${context.owner.uid}-${conversation.id}`,
        ...(parameters.maxOutputTokens === undefined ? {} : { maxOutputTokens: parameters.maxOutputTokens }),
        ...(parameters.temperature === undefined ? {} : { temperature: parameters.temperature }),
        ...(parameters.topP === undefined ? {} : { topP: parameters.topP }),
        ...(parameters.reasoningEffort === undefined ? {} : { reasoningEffort: parameters.reasoningEffort }),
      },
      { signal, ...(purpose === 'step' ? { onText: liveText(at, context) } : {}) },
    );
  } catch (error) {
    if (signal.aborted) {
      if (endsCommands(signal.reason))
        context.emit({ type: 'model.failed', ...at, class: 'interrupted', message: 'interrupted' });
      throw signal.reason;
    }
    if (!(error instanceof ModelError)) throw error;
    const failures = (current(context).failures?.count ?? 0) + 1;
    const delay = nextRetry(failures, error, deps.random);
    context.emit({
      type: 'model.failed',
      ...at,
      class: error.class,
      message: cut(error.message, MESSAGE_CHARS),
      ...(delay === undefined ? {} : { retryAt: deps.now() + delay }),
    });
    return undefined;
  }
}

/** A budget that cannot be kept is told before anything is spent, once. */
function sayThatCostIsUnknown({ profile, model }: ModelBinding, { state, intent, emit }: ActionContext): void {
  const { maxCostUSD } = intent.limits;
  if (!Number.isFinite(maxCostUSD)) return;
  const text = `What ${model} costs is not known, so that spec.limits.maxCostUSD (${maxCostUSD}) does not limit this session: set spec.pricing of AIProfile ${profile}, or limit tokens with spec.limits.maxTokens.`;
  const said: EventBody = { type: 'log.line', level: 'warning', text };
  if (state.usage.unpricedCalls === 0 && !logLines(said).some((line) => state.recentLogs.includes(line))) emit(said);
}

const began = new WeakMap<ActionContext, number>();

async function answered(
  answer: ModelAnswer,
  binding: ModelBinding,
  conversation: Conversation,
  context: ActionContext,
  purpose: ModelPurpose,
): Promise<EventBody & { type: 'model.answered' }> {
  const cost = costOf(answer.usage, binding.pricing);
  return {
    type: 'model.answered',
    conversation: conversation.id,
    call: context.state.steps + 1,
    text: await context.texts.store(answer.text),
    calls: [],
    stop: answer.stop,
    model: answer.model,
    purpose,
    usage: answer.usage,
    costUSD: cost ?? 0,
    ...(cost === undefined && { unpriced: true as const }),
    durationMs: context.deps.now() - (began.get(context) ?? context.deps.now()),
  };
}

/** Pieces of the answer as it comes, in few events. */
function liveText(at: { conversation: string; call: number }, context: ActionContext): (delta: string) => void {
  let text = '';
  let last = context.deps.now();
  return (delta) => {
    text += delta;
    const now = context.deps.now();
    if (now - last < OUTPUT_EVERY_MS) return;
    last = now;
    context.emit({ type: 'model.output', ...at, text: text.slice(-OUTPUT_CHARS) });
    text = '';
    // Nothing waits for this write; the next flush reports its failure.
    context.flush().catch(() => undefined);
  };
}

function current(context: ActionContext): Conversation {
  const { conversation } = context.state;
  if (!conversation) throw new Error('no conversation is open');
  return conversation;
}
