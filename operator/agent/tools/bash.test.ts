import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.ts';
import { missing } from '../../../test/support/local-sandboxes.ts';
import { type ToolSandbox, toolSandbox } from '../../../test/support/tool-sandbox.ts';
import { byteLength } from './truncate.ts';

// Commands that kill what they reach, and write to /tmp, do so in a place of their own where there can be one.
const isolation = missing('bubblewrap') ? 'none' : 'bubblewrap';

describe('the bash tool', () => {
  let box: ToolSandbox;
  beforeAll(async () => {
    box = await toolSandbox({ files: { 'sub/a.txt': 'a\n' }, isolation });
  });
  afterAll(async () => box[Symbol.asyncDispose]());

  it('runs in the root of the repository each time and shows output and exit code', async () => {
    expect(await box.call('bash', { command: 'cd sub && ls; echo wrong >&2; exit 3' })).toEqual({
      outcome: 'ok',
      text: 'a.txt\nwrong\n[exit code 3]',
      exitCode: 3,
      durationMs: expect.any(Number),
    });
    expect(await box.call('bash', { command: 'basename "$PWD"' })).toMatchObject({ text: 'repo\n[exit code 0]' });
    expect(await box.call('bash', { command: 'true' })).toMatchObject({
      outcome: 'ok',
      text: '(no output)\n[exit code 0]',
      exitCode: 0,
    });
  });

  it('passes any text on to the shell unharmed', async () => {
    const text = `it's "quoted" $HOME \\ \`x\` é 日本\n\ttab`;
    const { text: result } = await box.call('bash', { command: `cat <<'END'\n${text}\nEND` });
    expect(result).toBe(`${text}\n[exit code 0]`);
  });

  it('keeps beginning and end of a long output and names a file from which the rest can be read', async () => {
    const { text } = await box.call('bash', { command: 'seq 1 200000' });
    expect(byteLength(text)).toBeLessThan(17_000);
    expect(text).toMatch(/^1\n2\n3\n/);
    expect(text).toMatch(/\n199999\n200000\n\[exit code 0\]$/);
    const path = /all 1\.2 MB are in (\S+): grep it/.exec(text)?.[1] ?? '';
    expect((await box.call('read_file', { path, start_line: 150_000, end_line: 150_001 })).text).toMatch(
      /^150000\t150000\n150001\t150001\n/,
    );
    expect(await box.call('bash', { command: `sed -n '150000,150001p' ${path}` })).toMatchObject({
      text: '150000\n150001\n[exit code 0]',
    });
  });

  it('shows what a person would see of progress bars and colours', async () => {
    const command = `printf '\\033[32mok\\033[0m\\n'; for i in 1 2 3; do printf '\\r%s0%%' $i; done; echo`;
    expect(await box.call('bash', { command })).toMatchObject({ text: 'ok\n30%\n[exit code 0]' });
  });

  it('survives output that is no text', async () => {
    const { text } = await box.call('bash', { command: `printf '\\211\\377\\033]open\\033[1\\000\\001\\303end'` });
    expect(text).toMatch(/end\n\[exit code 0\]$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none must be left
    expect(text).not.toMatch(/[\x00-\x08\x0e-\x1f]/);
  });

  it('gives programs an empty input and no editor to wait for', async () => {
    expect(await box.call('bash', { command: 'read answer; echo "got [$answer] $?"' })).toMatchObject({
      text: 'got [] 1\n[exit code 0]',
    });
    const { text } = await box.call('bash', { command: 'git -c user.name=a -c user.email=a@b commit --allow-empty' });
    expect(text).toContain('empty commit message');
  });

  it('ends a command after its time with what it said so far and what to do', async () => {
    const result = await box.call('bash', { command: 'echo begun; sleep 1000', timeout_seconds: 3 });
    expect(result.outcome).toBe('error');
    expect(result.text).toMatch(
      /^begun\n\[ended after 3 s: timeout\. The output so far is above\. If it needs longer, set timeout_seconds/,
    );
  });

  it('gives no command more time than the session allows', async () => {
    const result = await box.call('bash', { command: 'sleep 1000', timeout_seconds: 500 }, { maxTimeoutSeconds: 1 });
    expect(result.text).toContain('[ended after 1 s: timeout.');
    expect(result.text).not.toContain('set timeout_seconds');
  });

  it('says that a command was interrupted', async () => {
    const running = box.call('bash', { command: 'echo $$ > started; sleep 1000' }, { op: 'interrupted' });
    await eventually('the command to run', () => readFile(join(box.repo, 'started'), 'utf8'));
    await box.sandbox.cancel('interrupted');
    expect(await running).toMatchObject({ outcome: 'interrupted', text: expect.stringContaining(': interrupted]') });
  });

  it('leaves an abort to the engine', async () => {
    const reason = new Error('stop');
    const controller = new AbortController();
    const running = box.call('bash', { command: 'touch begun; sleep 1000' }, { op: 'aborted', signal: controller.signal });
    const refused = expect(running).rejects.toBe(reason);
    await eventually('the command to run', () => readFile(join(box.repo, 'begun')));
    controller.abort(reason);
    await refused;
    await box.sandbox.cancel('aborted');
  });

  it('attaches to its command when it is called again after a crash, and runs it once', async () => {
    const call = { command: 'echo run >> runs; sleep 0.3; echo done' };
    const first = box.call('bash', call, { op: 'crashed' });
    await eventually('the command to run', () => readFile(join(box.repo, 'runs')));
    expect(await box.call('bash', call, { op: 'crashed', resumed: true })).toMatchObject({
      outcome: 'ok',
      text: 'done\n[exit code 0]',
    });
    await first;
    expect(await box.call('bash', call, { op: 'crashed', resumed: true })).toMatchObject({
      outcome: 'ok',
      text: 'done\n[exit code 0]',
    });
    expect(await readFile(join(box.repo, 'runs'), 'utf8')).toBe('run\n');
  });

  it('tells a command without exit status as lost, never as done', async () => {
    const result = await box.call('bash', { command: 'echo half; kill -9 $PPID $$' });
    expect(result).toMatchObject({
      outcome: 'lost',
      text: expect.stringMatching(/half\n\[lost: .*it may have done all, some or none of its work/s),
    });
    expect(result.exitCode).toBeUndefined();
  });

  it('does not wait for a server in the background, which the next command can use', async () => {
    const server = await box.call('bash', {
      command: 'mkfifo pipe; (echo served > pipe; echo over > over) > "$TMPDIR/server.log" 2>&1 &',
    });
    expect(server).toMatchObject({ outcome: 'ok', text: '(no output)\n[exit code 0]' });
    expect(await box.call('bash', { command: 'cat pipe' })).toMatchObject({ text: 'served\n[exit code 0]' });
    await eventually('the server to end', () => readFile(join(box.repo, 'over')));
  });

  it('reports output while it comes', async () => {
    const seen: number[] = [];
    const onOutput = ({ bytes }: { bytes: number }) => {
      seen.push(bytes);
      writeFileSync(join(box.repo, 'reported'), '');
    };
    const command = 'echo one; while ! [ -e reported ]; do sleep 0.02; done; echo two';
    expect(await box.call('bash', { command }, { onOutput })).toMatchObject({ text: 'one\ntwo\n[exit code 0]' });
    expect(seen[0]).toBe(4);
  });

  it.each([
    ['cd sub', 'had no effect'],
    ['nosuchprogram --help', 'The output above may say how to have it'],
    ['./sub/a.txt', 'not executable'],
    ['git rebase -i HEAD~5', 'Interactive programs do not work here'],
    ['kill -9 $$', '(SIGKILL)'],
    ['echo "EOFError: EOF when reading a line"; exit 1', 'standard input, which is empty'],
    ['echo "curl: (6) Could not resolve host: x.invalid"; exit 6', 'cannot be reached from here'],
  ])('advises after: %s', async (command, words) => {
    expect((await box.call('bash', { command })).text).toContain(words);
  });

  it('says whose exit code it shows where that is not the one of the tests', async () => {
    await writeFile(join(box.repo, 'run-tests.sh'), 'echo "FAILED (errors=12)"; exit 1\n');
    expect(await box.call('bash', { command: 'sh run-tests.sh | grep FAILED' })).toMatchObject({
      text: 'FAILED (errors=12)\n[exit code 0, of the last command (grep)]',
      exitCode: 0,
    });
    expect((await box.call('bash', { command: 'sh run-tests.sh | grep -q passed' })).text).toBe('(no output)\n[exit code 1]');
  });

  it('says nothing more after a plain failure', async () => {
    await writeFile(join(box.repo, 'fail.sh'), 'echo "1 test failed"; exit 1\n');
    expect(await box.call('bash', { command: 'sh fail.sh' })).toMatchObject({ text: '1 test failed\n[exit code 1]' });
  });

  it('refuses a command that is none', async () => {
    expect(await box.call('bash', { command: ' ' })).toMatchObject({ outcome: 'error' });
    expect(await box.call('bash', { command: 'a\0b' })).toMatchObject({ outcome: 'error', text: expect.stringContaining('NUL') });
  });
});
