/**
 * Keeps a conversation within the model's window: first results that were long ago are no longer sent whole, then all but
 * the latest turns are replaced by a summary. Goal, plan and repository instructions are in the system and opening messages,
 * which always stay; the user's own messages among the turns are kept as well.
 */
import type { Conversation, Turn } from '../engine/state.ts';
import { estimateTokens } from '../llm/tokens.ts';
import { keptWords } from './render.ts';

export type ContextStep = { do: 'send' } | { do: 'prune'; callIds: string[] } | { do: 'summarise'; keepFrom: number };

/** Share of the usable window at which something is done about it. */
const PRUNE_AT = 0.6;
const SUMMARISE_AT = 0.85;
const SUMMARISE_AT_BOUNDARY = 0.55;
/** After a summary the turns kept take at most this share. */
const KEEP = 0.25;
/** Pruning makes the provider's prompt cache worthless, so it must be worth it. */
const WORTH_PRUNING = 0.12;
const FRESH_TURNS = 12;
const SMALL = 200;

/** Tokens of one answer that are set aside. */
export function outputReserve(contextWindow: number, maxOutputTokens: number | undefined): number {
  return Math.min(maxOutputTokens ?? 16_384, Math.floor(contextWindow / 4));
}

/**
 * What to do before the next call. `fixedTokens` is the size of system, opening and tools; `overflowed` when the provider
 * has just refused the conversation as too long. Pure.
 */
export function contextStep(
  conversation: Conversation,
  fixedTokens: number,
  contextWindow: number,
  reserve: number,
  overflowed: boolean,
): ContextStep {
  const sizes = conversation.turns.map(sizeOf);
  const estimate = usedTokens(conversation, sizes, fixedTokens);
  // What was refused as too long shows that the window is smaller than it was said to be.
  const usable = overflowed ? Math.min(contextWindow - reserve, estimate) : contextWindow - reserve;
  const used = overflowed ? usable : estimate;
  if (used < usable * Math.min(PRUNE_AT, SUMMARISE_AT_BOUNDARY)) return { do: 'send' };
  const summarise = used >= usable * SUMMARISE_AT || (used >= usable * SUMMARISE_AT_BOUNDARY && atBoundary(conversation.turns));
  if (used >= usable * PRUNE_AT) {
    const { callIds, saved } = prunable(conversation, sizes);
    if (saved >= usable * WORTH_PRUNING && (!summarise || used - saved < usable * PRUNE_AT)) return { do: 'prune', callIds };
  }
  if (!summarise) return { do: 'send' };
  const keepFrom = firstKept(conversation, sizes, usable * KEEP);
  return keepFrom > conversation.keepFrom ? { do: 'summarise', keepFrom } : { do: 'send' };
}

function usedTokens(conversation: Conversation, sizes: number[], fixedTokens: number): number {
  const { lastInput, keepFrom } = conversation;
  if (lastInput) return lastInput.tokens + sum(sizes.slice(lastInput.turns));
  const summary = conversation.summary === undefined ? 0 : textTokens(conversation.summary) + textTokens(keptWords(conversation));
  return fixedTokens + summary + sum(sizes.slice(keepFrom));
}

function prunable(conversation: Conversation, sizes: number[]): { callIds: string[]; saved: number } {
  const callIds: string[] = [];
  let saved = 0;
  const until = conversation.turns.length - FRESH_TURNS;
  for (let index = conversation.keepFrom; index < until; index++) {
    const turn = conversation.turns[index];
    const size = sizes[index] ?? 0;
    if (turn?.kind !== 'result' || turn.pruned || size <= SMALL) continue;
    callIds.push(turn.callId);
    saved += size - SMALL / 2;
  }
  return { callIds, saved };
}

/** The earliest answer from which on the turns fit into the budget; an answer and its results are never parted. */
function firstKept(conversation: Conversation, sizes: number[], budget: number): number {
  let size = 0;
  let kept = conversation.turns.length;
  for (let index = conversation.turns.length - 1; index > conversation.keepFrom; index--) {
    size += sizes[index] ?? 0;
    if (size > budget) break;
    if (conversation.turns[index]?.kind === 'assistant') kept = index;
  }
  return kept;
}

/** Whether a plan step has just changed its state: a good moment to look back. */
function atBoundary(turns: readonly Turn[]): boolean {
  const last = turns.findLast((turn) => turn.kind === 'assistant');
  return last?.calls.some((call) => call.name === 'update_plan') ?? false;
}

function sizeOf(turn: Turn): number {
  if (turn.kind === 'assistant') return textTokens(turn.text) + sum(turn.calls.map((call) => textTokens(call.arguments) + 12));
  if (turn.kind === 'result') return turn.pruned ? SMALL / 2 : textTokens(turn.text);
  return textTokens(turn.text);
}

function textTokens(text: Turn['text']): number {
  return typeof text === 'string' ? estimateTokens(text) : Math.ceil(text.bytes / 3.5);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
