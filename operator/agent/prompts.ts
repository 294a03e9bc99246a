/** The prompts are files in prompts/, read once. Their combined hash is recorded with every conversation. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConversationRole } from '../engine/event-parts.ts';

const NAMES = ['common', 'planner', 'programmer', 'reviewer', 'summary', 'diagnosis'] as const;

const texts = new Map(
  NAMES.map((name) => [name, readFileSync(join(import.meta.dirname, 'prompts', `${name}.md`), 'utf8').trim()]),
);

/** Changes whenever any prompt does. */
export const PROMPT_VERSION = createHash('sha256')
  .update([...texts.values()].join('\0'))
  .digest('hex')
  .slice(0, 12);

/** A prompt with `{{name}}` replaced. */
export function prompt(name: (typeof NAMES)[number], values: Record<string, string> = {}): string {
  return (texts.get(name) ?? '').replaceAll(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
}

/** The system prompt of a role; the same for a whole conversation, so that providers can cache it. */
export function systemPrompt(role: ConversationRole, worktree: string, guidelines: string): string {
  const parts = [prompt(role), prompt('common', { worktree })];
  if (guidelines) parts.push(`# The repository's own instructions\n\n${guidelines}`);
  return parts.join('\n\n');
}
