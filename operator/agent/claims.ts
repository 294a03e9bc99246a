/** What planner and programmer assumed, and what they left out of what was asked: lines of the plan and the summary. */
import type { SessionState } from '../engine/state.ts';

/** The words that the prompts ask for. */
const CLAIM = /^[\s>*-]*(?:\*\*)?((?:Assumed|Left out)(?:\*\*)?:.*)$/i;

/** Each with where it was said, in the order of the plan. Pure. */
export function claimsOf({ plan, programmerSummary }: Pick<SessionState, 'plan' | 'programmerSummary'>): string[] {
  const planned = (plan?.steps ?? []).flatMap((step) => claimsIn(step.details ?? '').map((claim) => `step ${step.id}: ${claim}`));
  return [...planned, ...claimsIn(programmerSummary ?? '').map((claim) => `summary: ${claim}`)];
}

function claimsIn(text: string): string[] {
  return text.split('\n').flatMap((line) => CLAIM.exec(line)?.[1]?.replaceAll('**', '').trim() ?? []);
}
