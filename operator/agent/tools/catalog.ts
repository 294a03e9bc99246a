/** Which tools each role gets. What is not in a role's list cannot be called by it, whatever the model sends. */
import type { ConversationRole } from '../../engine/event-parts.ts';
import type { ToolSpec } from '../../llm/provider.ts';
import { applyPatch } from './apply-patch.ts';
import { bash } from './bash.ts';
import { editFile } from './edit-file.ts';
import { listFiles } from './list-files.ts';
import { readFile } from './read-file.ts';
import { search } from './search.ts';
import { ASK_USER, FINISH, SUBMIT_PLAN, SUBMIT_REVIEW, UPDATE_PLAN } from './session-tool-specs.ts';
import type { SandboxTool } from './tool.ts';
import { writeFile } from './write-file.ts';

export type ToolSet = {
  /** In a fixed order, so that the beginning of every request is the same and stays in the provider's cache. */
  readonly specs: readonly ToolSpec[];
  isAllowed(name: string): boolean;
  /** The tool that acts on the sandbox; undefined for a session tool and for one that the role may not use. */
  sandboxTool(name: string): SandboxTool | undefined;
};

/** The tools of a role. GPT models get apply_patch as well, the form of edit that they were trained on. */
export function toolsFor(role: ConversationRole, model: string): ToolSet {
  const key = `${role} ${writesPatches(model)}`;
  const known = sets.get(key);
  if (known) return known;
  const { sandbox, session } = ROLES[role];
  const set = toolSet(
    sandbox.filter((tool) => tool !== applyPatch || writesPatches(model)),
    session,
  );
  sets.set(key, set);
  return set;
}

/** Models of OpenAI's GPT line, under whatever prefix a gateway gives them. */
export function writesPatches(model: string): boolean {
  return /(^|[/:._-])(gpt|chatgpt|codex|o[1-9])([-.:\d]|$)/i.test(model);
}

const READING = [bash, readFile, search, listFiles];

const ROLES: Record<ConversationRole, { sandbox: readonly SandboxTool[]; session: readonly ToolSpec[] }> = {
  planner: { sandbox: READING, session: [SUBMIT_PLAN, ASK_USER] },
  programmer: { sandbox: [...READING, editFile, writeFile, applyPatch], session: [UPDATE_PLAN, FINISH, ASK_USER] },
  reviewer: { sandbox: READING, session: [SUBMIT_REVIEW] },
};

const sets = new Map<string, ToolSet>();

function toolSet(sandbox: readonly SandboxTool[], session: readonly ToolSpec[]): ToolSet {
  const specs = [...sandbox.map(({ spec }) => spec), ...session];
  const names = new Set(specs.map(({ name }) => name));
  const tools = new Map(sandbox.map((tool) => [tool.spec.name, tool]));
  return { specs, isAllowed: (name) => names.has(name), sandboxTool: (name) => tools.get(name) };
}
