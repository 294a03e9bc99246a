/** Finds the tests of a result and puts them alone on the commit that was cloned, to be run there. */

import { GitError } from '../../sandbox/git/git.ts';
import { commitTests } from '../../sandbox/git/tests-alone.ts';
import { isTestFile } from '../test-files.ts';
import type { ActionContext } from './context.ts';

/** Names that the event carries. */
const MAX_FILES = 200;

export async function isolateTests({ commit }: { commit: string }, context: ActionContext): Promise<void> {
  const { state, signal } = context;
  const request = { base: state.base?.commit ?? '', commit, isTest: isTestFile };
  try {
    const { tree, files, others } = await commitTests(await context.sandbox(), request, signal);
    const alone = others === 0;
    context.emit({
      type: 'tests.isolated',
      commit,
      files: files.slice(0, MAX_FILES),
      ...(tree === undefined || alone ? {} : { tree }),
      ...(files.length > 0 && alone ? { note: 'nothing but tests was changed' } : {}),
    });
  } catch (error) {
    if (!(error instanceof GitError) || error.transient || error.reason === 'StorageFull') throw error;
    context.emit({ type: 'tests.isolated', commit, files: [], note: error.message });
  }
}
