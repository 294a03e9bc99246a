/** Begins a role's conversation: looks at the repository and writes down, once, everything the role is told. */
import { lastReviews, type OpeningFacts, plannerOpening, programmerOpening, reviewerOpening } from '../../agent/opening.ts';
import { namedFiles, showFiles } from '../../agent/plan-files.ts';
import { PROMPT_VERSION, systemPrompt } from '../../agent/prompts.ts';
import { listFiles, overviewOf } from '../../agent/repository-overview.ts';
import { diff, resetWorktree } from '../../sandbox/git/worktree.ts';
import type { ConversationRole } from '../event-parts.ts';
import { checksOf } from '../evidence.ts';
import { isOpen } from '../open-steps.ts';
import { workCommit } from '../rounds.ts';
import { type Evidence, evidenceOn, type SessionState } from '../state.ts';
import type { ActionContext } from './context.ts';
import { bringBack, markBegin } from './ignored-output.ts';
import { endOf } from './output-end.ts';

const DIFF_BYTES: Record<ConversationRole, number> = { planner: 16 * 1024, programmer: 24 * 1024, reviewer: 64 * 1024 };
/** What is shown of a check's output: a pass needs no more than its summary. */
const PASSED_CHARS = 1_500;
const FAILED_CHARS = 4_000;
/** The same of runs that the result is compared with; of those that passed, nothing. */
const BEFORE_CHARS = 1_500;

const OPENINGS = { planner: plannerOpening, programmer: programmerOpening, reviewer: reviewerOpening } satisfies Record<
  ConversationRole,
  (facts: OpeningFacts) => string
>;

export async function openConversation(role: ConversationRole, context: ActionContext): Promise<void> {
  const { state, intent, deps, session, signal, texts } = context;
  const chain = intent.profiles[role];
  const [profile = ''] = 'reason' in chain ? [] : chain;
  const binding = profile ? await deps.models.bind(session, profile, signal).catch(() => undefined) : undefined;
  const sandbox = await context.sandbox();
  // Checks may have written to the worktree, or were run on something else than the work, which is committed then.
  if (state.displaced || (role === 'reviewer' && state.commit)) await resetWorktree(sandbox, workCommit(state), signal);
  if (state.displaced) await bringBack(sandbox, signal);
  if (role === 'programmer') await markBegin(sandbox, signal);
  const changed = state.base && state.commit ? { from: state.base.commit, to: state.commit.commit } : undefined;
  const contextWindow = binding?.contextWindow;
  const files = await listFiles(sandbox, signal);
  const named = role === 'programmer' ? namedFiles(toDo(state), files) : [];
  const present = await showFiles(sandbox, named, contextWindow, signal);
  const shown = present.map(({ path }) => path);
  const { layout, guidelines, guides } = await overviewOf(sandbox, files, { changed, shown, contextWindow }, signal);
  const facts: OpeningFacts = {
    state,
    layout,
    present,
    ...(await work(role, context)),
    checks: checksOf(state, intent),
    ...(await runs(context)),
  };
  context.emit({
    type: 'conversation.started',
    conversation: `${role}-${state.conversations + 1}`,
    role,
    profile,
    model: binding?.model ?? '',
    promptVersion: PROMPT_VERSION,
    system: await texts.store(systemPrompt(role, sandbox.worktree, guidelines)),
    opening: await texts.store(OPENINGS[role](facts)),
    ...(guides.length > 0 ? { guides } : {}),
  });
  // From here on they are what this conversation has seen.
  for (const { path, hash } of present) context.seen.set(path, hash);
}

/** Where the programmer will have to do something: what the last review found, or else the steps that are not done. */
function toDo(state: SessionState): string {
  const found = lastReviews(state).flatMap((review) => review.findings);
  if (found.length > 0) return found.map(({ file, problem }) => `${file}\n${problem}`).join('\n');
  const steps = state.plan?.steps.filter(isOpen) ?? [];
  return steps.map(({ title, details }) => `${title}\n${details ?? ''}`).join('\n');
}

async function work(role: ConversationRole, context: ActionContext): Promise<{ diff: string; diffNote: string }> {
  const { state, signal } = context;
  if (!state.base || !state.commit) return { diff: '', diffNote: '' };
  const sandbox = await context.sandbox();
  const { base, commit } = state;
  const { text, truncated } = await diff(sandbox, base.commit, commit.commit, { maxBytes: DIFF_BYTES[role] }, signal);
  const diffNote = truncated
    ? `The diff is cut here. All of it: \`git diff ${base.commit.slice(0, 12)} ${commit.commit.slice(0, 12)}\`, with \`-- path\` for single files. Read the rest before you judge.`
    : '';
  return { diff: text, diffNote };
}

async function runs({ state, texts }: ActionContext): Promise<Pick<OpeningFacts, 'evidence' | 'baseline' | 'withoutChange'>> {
  const { commit, tests, baseline } = state;
  const shown = (all: readonly Evidence[], failedChars: number, passedChars: number) =>
    Promise.all(
      all.map(async (one) => {
        const output = withoutNoise(await texts.load(one.output));
        const chars = one.exitCode === 0 ? passedChars : failedChars;
        return { ...one, excerpt: chars === 0 ? '' : endOf(output, chars) };
      }),
    );
  const isolated = state.withoutChange.filter((one) => one.tree === tests?.tree && tests?.commit === commit?.commit);
  return {
    evidence: await shown(commit ? evidenceOn(state, commit.tree) : [], FAILED_CHARS, PASSED_CHARS),
    baseline: await shown(baseline, BEFORE_CHARS, 0),
    withoutChange: await shown(isolated, BEFORE_CHARS, 0),
  };
}

/** Without the diagnostics that TAP reporters put under every passing test. */
function withoutNoise(output: string): string {
  return output.replace(/^ *---\n(?: *(?:duration_ms|type|location): .*\n)+ *\.\.\.\n/gm, '').trimEnd();
}
