/** Hands the result over: a branch pushed where that is allowed, and in any case a bundle and a patch to download. */
import { cut } from '../../api/conditions.ts';
import { exportBundle } from '../../sandbox/git/export.ts';
import { evidenceInWords } from '../evidence.ts';
import type { SessionState } from '../state.ts';
import type { ActionContext } from './context.ts';

/** Longest readable part of a branch's name. */
const SLUG_CHARS = 40;
/** What a status has room for, less a little. */
const SUMMARY_CHARS = 4_000;

/**
 * Unique per UID, so that a session recreated under the same name never meets its predecessor's branch. What a session
 * does later goes to the branch where people know its work.
 */
export function branchOf(session: ActionContext['session'], title: string, earlier: string | undefined): string {
  const named = session.spec.publish?.branch || earlier;
  if (named) return named;
  const words = title
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  let slug = '';
  for (const word of words) {
    if (slug.length + word.length >= SLUG_CHARS) break;
    slug += slug === '' ? word : `-${word}`;
  }
  const unique = (session.metadata.uid ?? '').replaceAll('-', '').slice(0, 8);
  return slug ? `swe-agent/${slug}-${unique}` : `swe-agent/${unique}`;
}

/** The programmer's words, and after them what the platform itself saw. Cut so that the latter fits in a status. */
export function summaryOf(state: SessionState): string {
  const seen = evidenceInWords(state);
  const said = state.programmerSummary?.trim() ?? '';
  if (seen === '') return said;
  const evidence = `Seen by the platform: ${seen}`;
  return said === '' ? evidence : `${cut(said, SUMMARY_CHARS - evidence.length)}\n\n${evidence}`;
}

export async function publish(context: ActionContext): Promise<void> {
  const { state, deps, session, owner, signal } = context;
  const { base, commit } = state;
  if (!base || !commit) throw new Error('nothing to publish');
  const branch =
    state.publishing?.commit === commit.commit
      ? state.publishing.branch
      : branchOf(session, state.plan?.title ?? state.goal, state.published?.branch);
  if (state.publishing?.commit !== commit.commit) {
    context.emit({ type: 'publish.started', branch, commit: commit.commit });
    await context.flush();
  }
  const unchanged = commit.commit === base.commit;
  const bundle = unchanged
    ? new Uint8Array()
    : await exportBundle(await context.sandbox(), { base: base.commit, commit: commit.commit, branch }, signal);
  const { url } = session.spec.repository;
  const published = unchanged
    ? {
        pushed: false,
        message: 'Nothing was changed, so there is nothing to push.',
        bundle,
        patch: new Uint8Array(),
        stat: { filesChanged: 0, additions: 0, deletions: 0 },
      }
    : await deps.publisher.publish(
        {
          uid: owner.uid,
          url,
          credential: await deps.credential(session, signal),
          branch,
          base: base.commit,
          commit: commit.commit,
          bundle,
          baseBranch: base.branch,
          allowBaseBranch: session.spec.publish?.allowBaseBranch ?? false,
          push: session.spec.publish?.push ?? true,
        },
        signal,
      );
  context.emit({
    type: 'publish.finished',
    branch: unchanged ? '' : branch,
    commit: commit.commit,
    pushed: published.pushed,
    message: published.message,
    bundle: await deps.blobs.put(owner.uid, published.bundle),
    patch: await deps.blobs.put(owner.uid, published.patch),
    ...published.stat,
    summary: summaryOf(state),
  });
}
