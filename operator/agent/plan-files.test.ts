/** Which files the programmer is given with the plan, and that it may change them at once. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { patience } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { CHECK, finish, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { type ToolSandbox, toolSandbox } from '../../test/support/tool-sandbox.ts';
import { estimateTokens } from '../llm/tokens.ts';
import { namedFiles, showFiles } from './plan-files.ts';

describe('a file of the repository', () => {
  const files = ['AGENTS.md', 'Makefile', 'app/[id]/page.tsx', 'docs/a.md', 'lib/index.ts', 'src/auth/login.ts', 'src/index.ts'];

  it.each<[string, string, string[]]>([
    ['by its path', 'Change src/auth/login.ts, then docs/a.md.', ['src/auth/login.ts', 'docs/a.md']],
    ['in code, with a line', 'See `src/index.ts:12-20` (and ./docs/a.md#L3)', ['src/index.ts', 'docs/a.md']],
    ['with brackets in it', 'app/[id]/page.tsx renders it', ['app/[id]/page.tsx']],
    ['by a name that no other has', 'In **login.ts**: `auth/login.ts` twice', ['src/auth/login.ts']],
    ['by a name that says which only with its folder', 'index.ts, lib/index.ts', ['lib/index.ts']],
    ['by a word that is its whole path', 'Makefile', ['Makefile']],
    ['with the folder that it is in', 'Delete src/auth and app/[id]/*.tsx.', ['src/auth/login.ts', 'app/[id]/page.tsx']],
    ['as left out', 'Fix docs/a.md.\nLeft out: src/index.ts, since it is right.', ['docs/a.md']],
    ['that holds instructions', 'As AGENTS.md says', []],
    ['not at all', 'The page logs in; e.g. a.md5, index, src', []],
  ])('is named %s', (_how, words, expected) => {
    expect(namedFiles(words, files)).toEqual(expected);
  });
});

describe('of the files that are named', () => {
  let box: ToolSandbox;
  const long = 'x = 1\n'.repeat(251);
  const wide = `${'é'.repeat(5_200)}\n`;
  const some = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`f${index}`, `${'y'.repeat(3_000)}\n`]));

  beforeAll(async () => {
    box = await toolSandbox({ files: { 'a.py': 'one\r\ntwo\n', long, wide, empty: '', 'b.png': '\x89PNG\0', ...some } });
    await mkdir(join(box.repo, '..', 'elsewhere'));
    await writeFile(join(box.repo, '..', 'elsewhere', 'x'), 'secret\n');
    await symlink('../elsewhere/x', join(box.repo, 'out'));
  });
  afterAll(async () => box[Symbol.asyncDispose]());

  const show = (paths: string[], window?: number) => showFiles(box.sandbox, paths, window, patience());

  it('those that are text and short are shown as read_file shows them, with the hash of what was seen', async () => {
    const shown = await show(['long', 'wide', 'empty', 'b.png', 'out', 'gone', 'a.py']);
    expect(shown).toMatchObject([{ path: 'a.py', text: '1\tone\n2\ttwo' }]);
    const read = await box.call('read_file', { path: 'a.py' });
    expect(read.text).toBe(shown[0]?.text);
    expect(box.seen.get('a.py')).toBe(shown[0]?.hash);
  });

  it('as many are shown as there is room for', async () => {
    expect((await show(Object.keys(some))).map(({ path }) => path)).toEqual(['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7']);
    expect((await show(Object.keys(some), 24_000)).map(({ path }) => path)).toEqual(['f0', 'f1']);
    expect(await show(Object.keys(some), 4_000)).toEqual([]);
  });
});

describe('the programmer', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let repository: string;
  let server: ModelServer;
  let engine: Engine;
  const model = new ScriptedSessions();
  const MODULE = Array.from({ length: 60 }, (_, index) => `def step_${index}(value): return value + ${index}`).join('\n');
  const GUIDE = 'Steps are named by their number.';

  beforeAll(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder.path, 'repository'));
    repository = makeRepository(join(folder.path, 'repository'), {
      'src/AGENTS.md': `${GUIDE}\n`,
      'src/steps.py': `${MODULE}\n`,
      'src/other.py': 'OTHER = 1\n',
      'greeting.txt': 'good day\n',
    });
    server = await startModelServer((request) => model.answer(request));
    engine = await startEngine({ baseUrl: server.baseUrl });
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await server.close();
    await folder[Symbol.asyncDispose]();
  });

  it('is given the files that the plan names, what holds for their folder, and later those that a finding names', async () => {
    const steps = [{ id: 'a', title: 'Greet in greeting.txt', details: 'Called by src/steps.py:12.' }];
    const findings = [{ file: 'src/other.py', problem: 'It still says 1.' }];
    const review = { verdict: 'request_changes', findings };
    let reviews = 0;
    const goal = model.on('Greet kindly', {
      plan: [plan('Greet', [CHECK], steps)],
      work: (request) => {
        if (request.turn > 0) return finish();
        return reviews === 0 ? write('greeting.txt', 'hello\n') : write('src/other.py', 'OTHER = 2\n');
      },
      review: () => {
        reviews++;
        const args = reviews === 1 ? review : { verdict: 'approve', findings: [], summary: 'Good.' };
        return { calls: [{ name: 'submit_review', args }] };
      },
    });
    engine.apply('named', { goal, repository: { url: repository } });
    const state = await engine.until('named', (now) => now.finished !== undefined);
    expect(state.phase).toBe('Completed');

    const work = model.requests(goal).filter((request) => request.tools.includes('finish'));
    const openings = [...new Set(work.map(({ messages }) => messages[0]?.text ?? ''))];
    expect(openings).toHaveLength(2);
    const [first = '', second = ''] = openings;
    expect(first).toContain('## greeting.txt\n\n1\tgood day\n\n## src/steps.py\n\n 1\tdef step_0(value)');
    expect(first).not.toContain('OTHER');
    expect(work[0]?.system).toContain(GUIDE);
    expect(second).toContain('## src/other.py\n\n1\tOTHER = 1');
    expect(second).not.toContain('\tdef step_0');
    // It counts as read: nothing warns of what is replaced.
    expect(model.results(goal)[0]).toBe('Overwrote src/other.py: 1 line, before 1 line.');

    const at = first.indexOf('# Files that the plan names');
    const added = estimateTokens(first.slice(at)) - estimateTokens(MODULE);
    expect(at).toBeGreaterThan(0);
    expect(added).toBeLessThan(200);
  });
});
