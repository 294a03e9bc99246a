/** The first message of each role's conversation: everything it needs to begin, and nothing of how others worked. */
import { changeWords } from '../engine/compare-runs.ts';
import { type Evidence, goalUpdates, type Review, type SessionState } from '../engine/state.ts';
import { claimsOf } from './claims.ts';
import type { ShownFile } from './plan-files.ts';

/** A run of a check with the end of its output. */
export type ShownRun = Evidence & { excerpt: string };

export type OpeningFacts = {
  state: SessionState;
  /** How the repository is laid out. */
  layout: string;
  /** Files whose text the role is given. */
  present: readonly ShownFile[];
  /** Unified diff of the work so far against the commit that was cloned; empty when there is none. */
  diff: string;
  /** What was left out of it, if anything. */
  diffNote: string;
  /** The commands that decide in the end. */
  checks: readonly string[];
  /** Their runs on the present tree. */
  evidence: ShownRun[];
  /** Their runs on the commit that was cloned. */
  baseline: ShownRun[];
  /** Their runs on that commit with the changed tests alone. */
  withoutChange: ShownRun[];
};

export function plannerOpening(facts: OpeningFacts): string {
  const { state } = facts;
  const parts = [goal(state), section('Files', facts.layout)];
  if (state.plan) {
    parts.push(section(`The plan so far (revision ${state.plan.revision})`, plan(state)));
    parts.push(
      state.commit || state.programmerSummary
        ? 'Part of it is done. Plan what is still to do for the goal as it is now; steps that are done or still right keep their id and title, word for word.'
        : 'Mend it as the messages ask. Steps that they do not touch keep their id and title, word for word.',
    );
  }
  if (state.programmerSummary) parts.push(section("The programmer's report", state.programmerSummary));
  if (facts.baseline.length > 0)
    parts.push(section('Checks that the platform ran on the commit that was cloned', facts.baseline.map(outcomeLine).join('\n')));
  if (facts.diff) parts.push(diff(facts, 'The work so far'));
  return parts.join('\n\n');
}

export function programmerOpening(facts: OpeningFacts): string {
  const { state } = facts;
  const last = lastReviews(state);
  const parts = [goal(state), section('Plan', plan(state))];
  if (facts.checks.length > 0) {
    const lines = facts.checks.map((command) => {
      const before = facts.baseline.find((one) => one.command === command);
      return before ? outcomeLine(before) : `- \`${command}\``;
    });
    parts.push(section('Checks that the platform will run at the end, and how they ended before the work', lines.join('\n')));
  }
  parts.push(section('Files', facts.layout));
  if (facts.present.length > 0) {
    const texts = facts.present.map(({ path, text }) => `## ${path}\n\n${text}`);
    parts.push(
      section(
        `Files that ${last.length > 0 ? 'the findings name' : 'the plan names'}, whole and as they are now`,
        `You need not read these again before you edit them. The line number and the tab are not part of a file.\n\n${texts.join('\n\n')}`,
      ),
    );
  }
  if (facts.diff) parts.push(diff(facts, 'The work so far is already in the worktree'));
  if (last.length > 0) {
    parts.push(
      section(
        'What to mend now',
        `${last.map(findings).join('\n\n')}\n\nDeal with every finding: mend it, or show in your summary with evidence why it is none. A check that failed before the work in the very same way is yours to mend where the goal needs it. Where it has nothing to do with the goal, change nothing for its sake, say so in your summary with the cause, and finish: what becomes of it is then for the user to say.`,
      ),
    );
  }
  const failed = facts.evidence.filter((one) => one.exitCode !== 0);
  if (last.length > 0 && failed.length > 0) parts.push(section('Output of the failed checks', failed.map(check).join('\n\n')));
  const red = facts.baseline.filter((one) => one.exitCode > 0);
  if (last.length === 0 && red.length > 0)
    parts.push(section('Output of the checks that failed before the work', red.map(check).join('\n\n')));
  return parts.join('\n\n');
}

export function reviewerOpening(facts: OpeningFacts): string {
  const { state } = facts;
  const parts = [goal(state)];
  if (state.plan) parts.push(section('Plan', plan(state)));
  parts.push(
    section(
      'Evidence recorded by the platform on exactly this tree',
      facts.evidence.length > 0
        ? facts.evidence.map((one) => compared(one, facts)).join('\n\n')
        : 'None: no checks were named. Run the tests that matter yourself.',
    ),
  );
  const tests = testsWithoutChange(facts);
  if (tests) parts.push(section('Do the changed tests fail without the change?', tests));
  parts.push(
    facts.diff
      ? diff(facts, 'Diff')
      : section('Diff', 'Empty: nothing was changed. That is right only if the goal needed no change.'),
  );
  if (state.commit?.notes.length)
    parts.push(section('In the worktree, but not part of the result', state.commit.notes.join('\n')));
  if (state.programmerSummary) parts.push(section("The programmer's summary (a claim)", state.programmerSummary));
  const claims = claimsOf(state);
  if (claims.length > 0)
    parts.push(
      section('What planner and programmer assumed or left out: judge each', claims.map((one) => `- ${one}`).join('\n')),
    );
  const before = state.reviews.filter((one) => one.by === 'reviewer' && one.iteration < state.iteration);
  if (before.length > 0) parts.push(section('Findings of the earlier rounds', before.map(findings).join('\n\n')));
  return parts.join('\n\n');
}

/** The goal and the messages that became part of it; newest last, and newer ones win. */
export function goal(state: SessionState): string {
  const updates = goalUpdates(state);
  if (updates.length === 0) return section('Goal', state.goal);
  const lines = updates.map(
    (input) =>
      `- ${input.author}${input.planStep ? ` on step ${input.planStep}` : ''}${input.question ? `, asked "${input.question}"` : ''}: ${input.message}`,
  );
  return `${section('Goal', state.goal)}\n\n${section("The user's messages since, oldest first; where they contradict the goal or each other, the later one holds", lines.join('\n'))}`;
}

/** The plan with the state of each step. */
export function plan(state: SessionState): string {
  if (!state.plan) return 'There is none.';
  const steps = state.plan.steps.map(
    (step) =>
      `- [${step.id}] (${step.status}) ${step.title}${step.details ? `\n  ${step.details.replaceAll('\n', '\n  ')}` : ''}`,
  );
  return [state.plan.title, ...steps].join('\n');
}

/** The reviews that this round of programming answers. */
export function lastReviews(state: SessionState): Review[] {
  return state.reviews.filter((one) => one.iteration === state.iteration - 1 && one.verdict === 'request_changes');
}

function findings(review: Review): string {
  const from = review.by === 'checks' ? 'The platform ran the checks' : 'The reviewer asks for changes';
  const list = review.findings.map(
    (one) => `- ${one.file ? `${one.file}${one.line === undefined ? '' : `:${one.line}`}: ` : ''}${one.problem}`,
  );
  return [`${from}${review.summary ? `: ${review.summary}` : '.'}`, ...list].join('\n');
}

function check(one: ShownRun): string {
  return `$ ${one.command}\n→ ${outcome(one)}${one.note ? ` (${one.note})` : ''}\n${one.excerpt}`.trimEnd();
}

/** A check on the result with what it was before. */
function compared(one: ShownRun, { baseline }: OpeningFacts): string {
  const before = baseline.find((run) => run.command === one.command);
  if (!before) return `${check(one)}\n→ before the work: not known`;
  const change = one.change === undefined ? 'what it was before the work could not be told' : `it ${changeWords(one.change)}`;
  const said = before.exitCode > 0 ? `; then it said\n${before.excerpt}` : '';
  return `${check(one)}\n→ compared: ${change}${said}`;
}

/** What the platform saw, with the output of the runs that say it; undefined when it did not look. */
function testsWithoutChange({ state, withoutChange }: OpeningFacts): string | undefined {
  const { tests, compared: known, commit } = state;
  if (!commit || tests?.commit !== commit.commit) return undefined;
  if (known?.commit !== commit.commit) return 'No test file is added or changed.';
  return [known.message, ...withoutChange.map(check)].join('\n\n');
}

function outcomeLine(one: ShownRun): string {
  const note = one.note ? ` (${one.note})` : '';
  return `- \`${one.command}\`: ${one.exitCode === 0 ? 'passed' : one.exitCode === -1 ? 'not known' : `failed with exit code ${one.exitCode}`}${note}`;
}

function outcome({ exitCode }: ShownRun): string {
  return exitCode === -1 ? 'its end was not seen' : `exit code ${exitCode}`;
}

function diff(facts: OpeningFacts, title: string): string {
  const base = facts.state.base?.commit.slice(0, 12) ?? '';
  const stat = facts.state.commit;
  const numbers = stat ? ` (${stat.filesChanged} files, +${stat.additions} −${stat.deletions})` : '';
  return `${section(`${title}: changes since ${base}${numbers}`, `\`\`\`diff\n${facts.diff.trimEnd()}\n\`\`\``)}${facts.diffNote ? `\n${facts.diffNote}` : ''}`;
}

function section(title: string, text: string): string {
  return `# ${title}\n\n${text.trim()}`;
}
