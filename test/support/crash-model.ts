/**
 * A scripted model for crash tests. Every command it asks for carries a number of its own, also when it is asked the same
 * thing again: what ran can so be told apart from what the log says ran.
 */
import { rmSync, writeFileSync } from 'node:fs';
import type { ModelReply, SeenRequest } from './model-server.ts';

export type CrashModel = {
  answer(request: SeenRequest): ModelReply | Promise<ModelReply>;
  /** The programmer's first command does not end before the returned function is called. */
  holdCommand(): () => void;
  /** The next question of the programmer is answered only after `release`; `asked` resolves when it has come. */
  hold(): { asked: Promise<void>; release: () => void };
};

/** What a check finds in the worktree: before the work, on the result, and with the result's tests alone. */
export const CHECKED = ['README.md', 'README.md greeting.txt test_greeting.sh', 'README.md test_greeting.sh'];

/**
 * `counts`: a file, outside of the log, to which every command writes its number when it begins; `checks`: one to which
 * every run of the check writes what it finds.
 */
export function crashModel(counts: string, checks: string): CrashModel {
  const check = `echo $(ls) >> '${checks}'; if [ -e test_greeting.sh ]; then sh test_greeting.sh; else grep -q Greets README.md; fi`;
  const go = `${counts}.go`;
  const release = () => writeFileSync(go, '');
  release();
  let number = 0;
  let held: { asked: PromiseWithResolvers<void>; released: PromiseWithResolvers<void> } | undefined;
  const command = (rest: string) => ({ name: 'bash', args: { command: `echo ${++number} >> '${counts}'; ${rest}` } });
  return {
    holdCommand() {
      rmSync(go);
      return release;
    },
    hold() {
      const one = { asked: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() };
      held = one;
      return { asked: one.asked.promise, release: one.released.resolve };
    },
    async answer(request) {
      const step = request.messages.filter((message) => message.role === 'assistant').length;
      if (request.tools.includes('submit_plan')) {
        const plan = { title: 'Greet', steps: [{ id: 'a', title: 'Say hello' }], checks: [check] };
        return step === 0 ? { calls: [command('ls')] } : { calls: [{ name: 'submit_plan', args: plan }] };
      }
      if (request.tools.includes('submit_review')) {
        return step === 0
          ? { calls: [command('cat greeting.txt')] }
          : { calls: [{ name: 'submit_review', args: { verdict: 'approve', findings: [] } }] };
      }
      const waitFor = held;
      held = undefined;
      waitFor?.asked.resolve();
      await waitFor?.released.promise;
      const work: ModelReply[] = [
        { calls: [command(`sleep 0.15; until [ -e '${go}' ]; do sleep 0.02; done; echo begun`), command('echo one')] },
        {
          calls: [
            { name: 'write_file', args: { path: 'greeting.txt', content: 'hello\n' } },
            { name: 'write_file', args: { path: 'test_greeting.sh', content: 'grep -q "hello, hello" greeting.txt\n' } },
          ],
        },
        {
          calls: [
            { name: 'edit_file', args: { path: 'greeting.txt', old_string: 'hello', new_string: 'hello, hello' } },
            command('cat greeting.txt'),
          ],
        },
        { calls: [{ name: 'finish', args: { summary: 'Greets.' } }] },
      ];
      return work[Math.min(step, work.length - 1)] ?? {};
    },
  };
}
