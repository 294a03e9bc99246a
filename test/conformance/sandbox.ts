/** What commands and files do in every sandbox. Executions are counted by their effects inside, never by what was asked for. */

import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openSandbox, type SandboxOptions } from '../../operator/sandbox/commands.ts';
import { type CommandResult, PathError, type Sandbox, SandboxFencedError } from '../../operator/sandbox/sandbox.ts';
import type { SandboxHandle, SandboxSpec } from '../../operator/sandbox/transport.ts';
import { eventually, patience as signal } from '../support/eventually.ts';

export type SandboxSubject = {
  /** A new sandbox. */
  provision(spec?: SandboxSpec): Promise<SandboxHandle>;
  /** The same sandbox as another operator would find it. */
  findAgain(handle: SandboxHandle): Promise<SandboxHandle>;
  close(): Promise<void>;
};

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

/**
 * @param options.holds whether commands are kept from the processes outside. Where they are not, nothing is tried that
 * would reach them.
 * @param options.brings names of the variables that come with the place, not from the operator; none when left out
 * @param options.countsLines whether its shell tells the lines of a command apart; busybox takes every line for the first
 */
export function describeSandbox(
  name: string,
  make: () => SandboxSubject | Promise<SandboxSubject>,
  options: { holds: boolean; brings?: RegExp; countsLines?: boolean },
): void {
  describe(`a ${name} sandbox`, () => {
    let subject: SandboxSubject;
    let handle: SandboxHandle;
    let sandbox: Sandbox;
    const opened: Sandbox[] = [];
    const handles = new Map<string, SandboxHandle>();
    let ops = 0;

    beforeAll(async () => {
      subject = await make();
      handle = await subject.provision({
        env: [{ name: 'FROM_SPEC', value: "it's $HOME" }],
        network: { proxy: { https: 'http://proxy.example:3128' } },
      });
      sandbox = await open(handle);
    });
    afterAll(async () => {
      await Promise.all(opened.map((one) => one.close()));
      await subject.close();
    });

    const open = async (of: SandboxHandle, options: Partial<SandboxOptions> = {}): Promise<Sandbox> => {
      const one = await openSandbox(of, { epoch: 1, livenessMs: 300, ...options });
      opened.push(one);
      handles.set(of.identity.uid, of);
      return one;
    };
    const fresh = async (options: Partial<SandboxOptions> = {}): Promise<Sandbox> => open(await subject.provision(), options);
    const handleOf = (one: Sandbox): SandboxHandle => handles.get(one.identity.uid) ?? handle;
    const newOp = (): string => `op-${++ops}`;
    const run = (
      command: string,
      given: { timeoutSeconds?: number; cwd?: string; env?: Record<string, string>; in?: Sandbox } = {},
    ) =>
      (given.in ?? sandbox).run(
        newOp(),
        {
          command,
          timeoutSeconds: given.timeoutSeconds ?? 60,
          ...(given.cwd ? { cwd: given.cwd } : {}),
          ...(given.env ? { env: given.env } : {}),
        },
        { signal: signal() },
      );
    const output = async (command: string, options = {}): Promise<string> => exited(await run(command, options)).output.head;
    const whenRunning = async (one: Sandbox, op: string): Promise<void> => {
      while ((await one.state(op, signal())) !== 'running');
    };
    /** How often a command that appends a line to `name` has run. */
    const executions = async (one: Sandbox, name: string): Promise<number> =>
      (text(await one.download(name, { maxBytes: 10_000, signal: signal() })) ?? '').split('\n').length - 1;
    const counted = (name: string, rest: string): string => `echo x >>"$HOME/../${name}"; ${rest}`;

    describe('a command', () => {
      it('runs in the worktree and gives its exit status and its output in the order written', async () => {
        const result = exited(await run('pwd; echo err >&2; echo out; exit 7'));
        expect(result).toMatchObject({ exitCode: 7, output: { head: `${sandbox.worktree}\nerr\nout\n`, tail: '', omitted: 0 } });
        expect(result.endedBy).toBeUndefined();
        expect(result.output.bytes).toBe(result.output.head.length);
        expect(result.durationMs).toBeGreaterThanOrEqual(0);
      });

      it('takes any text: quotes, newlines, non-ASCII, here-documents, no newline at the end', async () => {
        expect(await output(`cat <<'END'\nit's "$HOME" \\n \`x\` ÁÄ…Ĉ😀\ttab\n\nEND\nprintf '%s' 'a  b'`)).toBe(
          `it's "$HOME" \\n \`x\` ÁÄ…Ĉ😀\ttab\n\na  b`,
        );
        expect(await output('set -f; echo *; for i in 1 2; do\n  echo "$i" # comment\ndone # end')).toBe('*\n1\n2\n');
        expect(await output('echo "$#" "$IFS" | od -An -c | tr -s " "')).toBe(' 0 \\t \\n \\n\n');
        expect(await output("printf '%s' '\u001e \u001f' | od -An -tx1")).toMatch(/^ 1e 20 1f\n$/);
      });

      it('reports a syntax error as the failure of the command, by its own line number', async () => {
        const result = exited(await run('echo one\necho two )'));
        expect(result.exitCode).not.toBe(0);
        expect(result.output.head).toMatch(options.countsLines === false ? /syntax/i : /2/);
        expect(exited(await run('no-such-program-anywhere')).exitCode).toBe(127);
      });

      it('may be longer than an argument list or a pipe takes', async () => {
        const filler = `: ${'y'.repeat(98)}\n`.repeat(2000);
        expect(await output(`${filler}echo "$0" done; exit 0`)).toMatch(/done\n$/);
        expect(exited(await run(`${filler}exit 3`, { env: { A: "it's", B: 'two\nlines' }, cwd: '/' })).exitCode).toBe(3);
        const env = { BIG: `${'z'.repeat(5000)}'\n"` };
        expect(await output('printf "%s" "$BIG" | wc -c; pwd', { env, cwd: '/' })).toMatch(/^ *5003\n\/\n$/);
      });

      it('gets directory and variables of its own, and leaves none of them to the next', async () => {
        await run('mkdir -p "a folder/b"');
        const options = { cwd: 'a folder/b', env: { X: ' two\nlines  "$HOME" ', EMPTY: '' } };
        expect(await output('pwd; echo "[$X][$EMPTY]"; cd /; export LEFT=1', options)).toBe(
          `${sandbox.worktree}/a folder/b\n[ two\nlines  "$HOME" ][]\n`,
        );
        expect(await output('echo "[$X][$LEFT]"; pwd')).toBe(`[][]\n${sandbox.worktree}\n`);
        const missing = exited(await run('echo never', { cwd: 'not/there' }));
        expect(missing.exitCode).not.toBe(0);
        expect(missing.output.head).toMatch(/not\/there/);
        await expect(run('true', { env: { 'A=B': 'x' } })).rejects.toThrow(/A=B/);
        await expect(run('echo \0')).rejects.toThrow(/NUL/);
      });

      it('sees a small environment and the session settings, and nothing of the operator', async () => {
        const names = (await output('env')).split('\n').flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
        const allowed =
          /^(PATH|HOME|TMPDIR|USER|LOGNAME|SHELL|LANG|LC_\w+|TERM|NO_COLOR|PAGER|GIT_PAGER|GIT_TERMINAL_PROMPT|DEBIAN_FRONTEND|PYTHONUNBUFFERED|PWD|OLDPWD|SHLVL|_|SWE_AGENT_SANDBOX|FROM_SPEC|https?_proxy|HTTPS?_PROXY|[A-Z_]+_(HOME|DIR|ROOT|INSTALL))$/;
        expect(names.filter((name) => !allowed.test(name) && !options.brings?.test(name))).toEqual([]);
        expect(
          await output('echo "$FROM_SPEC $https_proxy $TERM"; cd; pwd; [ -w "$TMPDIR" ] && [ -w "$HOME" ] && echo writable'),
        ).toBe(`it's $HOME http://proxy.example:3128 dumb\n${sandbox.root}/home\nwritable\n`);
      });

      it('reads nothing from stdin and has no open files of the runner', async () => {
        expect(await output('cat; echo "[$(cat)]"; read x || echo end')).toBe('[]\nend\n');
        expect(await output("ls -l /proc/self/fd 2>/dev/null | grep -c '/[.]run/\\(in\\|task\\|out[.]\\)'")).toBe('0\n');
      });

      it('ends although a daemon keeps its output open, and the daemon lives on', async () => {
        const daemon = "$(command -v setsid) sh -c 'while ! [ -e stop ]; do sleep 0.02; done; echo lives >proof'";
        const result = exited(await run(`${daemon} & echo started`));
        expect(result.output.head).toBe('started\n');
        expect(await output('touch stop; while ! [ -s proof ]; do sleep 0.02; done; cat proof')).toBe('lives\n');
      });

      it('may close its output, write bytes that are no text, and end by a signal', async () => {
        expect(exited(await run('exec >&- 2>&-; exit 4'))).toMatchObject({ exitCode: 4, output: { bytes: 0, head: '' } });
        const binary = exited(await run("printf '\\000\\377\\376a\\n'"));
        expect(binary.output).toMatchObject({ bytes: 5, head: '\0\ufffd\ufffda\n' });
        expect(exited(await run('kill -9 $$')).exitCode).toBe(137);
        expect(exited(await run('kill $PPID; echo survived')).output.head).toBe('survived\n');
        expect(await output('yes | head -1')).toBe('y\n');
        expect(exited(await run('trap "echo bye" EXIT; exit 5'))).toMatchObject({ exitCode: 5, output: { head: 'bye\n' } });
      });

      it('is run beside others', async () => {
        // None ends before all have begun.
        await run('mkdir beside');
        const wait = 'while [ "$(ls beside | wc -l)" -lt 8 ]; do sleep 0.02; done';
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, index) => run(`: >beside/${index}; ${wait}; echo ${index}`)),
        );
        expect(results.map((result) => exited(result).output.head)).toEqual(
          Array.from({ length: 8 }, (_, index) => `${index}\n`),
        );
      });
    });

    describe('an operation id', () => {
      it('starts its command once, however often it is asked for, and gives every asker the same result', async () => {
        const op = newOp();
        const spec = { command: counted('once', 'sleep 0.3; echo done; exit 6'), timeoutSeconds: 60 };
        const results = await Promise.all([1, 2, 3].map(() => sandbox.run(op, spec, { signal: signal() })));
        results.push(await sandbox.run(op, { command: 'echo other', timeoutSeconds: 60 }, { signal: signal() }));
        for (const result of results) expect(result).toMatchObject({ state: 'exited', exitCode: 6, output: { head: 'done\n' } });
        expect(await executions(sandbox, 'once')).toBe(1);
      });

      it('knows what became of its command', async () => {
        const op = newOp();
        expect(await sandbox.state(op, signal())).toBe('absent');
        expect(await sandbox.attach(op, { command: '', timeoutSeconds: 60 }, { signal: signal() })).toBeUndefined();
        const running = sandbox.run(
          op,
          { command: 'while ! [ -e go ]; do sleep 0.02; done; exit 9', timeoutSeconds: 60 },
          { signal: signal() },
        );
        await whenRunning(sandbox, op);
        const attached = sandbox.attach(op, { command: '', timeoutSeconds: 60 }, { signal: signal() });
        await run('touch go');
        for (const result of await Promise.all([running, attached]))
          expect(result).toMatchObject({ state: 'exited', exitCode: 9 });
        expect(await sandbox.state(op, signal())).toBe('exited');
        await expect(sandbox.state('../x', signal())).rejects.toThrow(RangeError);
        await expect(sandbox.state('..', signal())).rejects.toThrow(RangeError);
      });

      it('is attached to by the next operator, who gets the result of the one execution', async () => {
        const first = await fresh();
        const op = newOp();
        const spec = {
          command: counted('runs', 'while ! [ -e go ]; do sleep 0.02; done; echo late; exit 5'),
          timeoutSeconds: 60,
        };
        const abandoned = new AbortController();
        const waiting = first.run(op, spec, { signal: abandoned.signal });
        await whenRunning(first, op);
        abandoned.abort(new Error('the operator is going'));
        await expect(waiting).rejects.toThrow('the operator is going');
        await first.close();
        const second = await open(await subject.findAgain(handleOf(first)), { epoch: 2 });
        expect(await second.state(op, signal())).toBe('running');
        const result = second.run(op, spec, { signal: signal() });
        await second.query('touch go', { signal: signal() });
        expect(await result).toMatchObject({ state: 'exited', exitCode: 5, output: { head: 'late\n' } });
        expect(await executions(second, 'runs')).toBe(1);
      });

      it('ends as unknown, never as success, when its process vanishes without a status', async () => {
        const one = await fresh();
        const op = newOp();
        const spec = { command: counted('vanished', 'kill -9 $PPID; sleep 0.2; exit 0'), timeoutSeconds: 60 };
        const result = await one.run(op, spec, { signal: signal() });
        expect(result).toMatchObject({ state: 'unknown', reason: expect.stringContaining('no exit status') });
        expect(await one.state(op, signal())).toBe('unknown');
        expect(await one.run(op, spec, { signal: signal() })).toMatchObject({ state: 'unknown' });
        expect(await executions(one, 'vanished')).toBe(1);
      });

      if (options.holds) {
        it('survives a command that kills everything it can reach', async () => {
          const one = await fresh();
          // Should the sandbox turn out not to hold it, it must not get as far as killing.
          const guard = `[ "$(readlink /proc/self/ns/pid)" != '${pidNamespace()}' ] || [ "$(id -u)" != ${process.getuid?.()} ] || exit 99`;
          const spec = { command: counted('killer', `${guard}; kill -9 -1; exit 0`), timeoutSeconds: 60 };
          const result = await one.run(newOp(), spec, { signal: signal() });
          expect(result).not.toMatchObject({ exitCode: 99 });
          expect(await executions(one, 'killer')).toBe(1);
          expect((await one.query('echo alive', { signal: signal() })).output).toBe('alive\n');
        });
      }
    });

    describe('an epoch', () => {
      it('that is higher shuts out the owner with the lower one, from everything that acts', async () => {
        const old = await fresh();
        const running = old.run('op', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
        const fenced = expect(running).rejects.toThrow(SandboxFencedError);
        await whenRunning(old, 'op');
        const next = await open(await subject.findAgain(handleOf(old)), { epoch: 5 });
        await fenced;
        const attempts = [
          () => old.run('late', { command: 'echo x >>../late', timeoutSeconds: 60 }, { signal: signal() }),
          () => old.applyFiles('files', [{ path: 'late', bytes: Buffer.from('x') }], signal()),
          () => old.upload('late', Buffer.from('x'), signal()),
          () => old.query('echo x >>../late', { signal: signal() }),
          () => old.cancel('op'),
        ];
        for (const attempt of attempts) await expect(attempt()).rejects.toThrow(SandboxFencedError);
        expect(await next.download('late', { maxBytes: 9, signal: signal() })).toBeUndefined();
        expect(await next.stat('late', signal())).toBeUndefined();
        expect(await next.state('op', signal())).toBe('running');
        await next.cancel('op');
        expect(await next.state('op', signal())).toBe('exited');
      });
    });

    describe('ending a command', () => {
      it('at its timeout kills the whole group, also one that ignores TERM', async () => {
        // A number by which no other test's processes are found.
        const seconds = 1_000_000 + Math.floor(Math.random() * 1_000_000);
        const result = exited(
          await run(`trap '' TERM; sleep ${seconds} & sleep ${seconds}; sleep ${seconds}`, { timeoutSeconds: 0.2 }),
        );
        expect(result).toMatchObject({ endedBy: 'timeout' });
        expect(result.exitCode).not.toBe(0);
        await eventually('the group to be gone', async () =>
          /^0?\n$/.test(await output(`ps -A -o args 2>/dev/null | grep -c "^sleep ${seconds}"; true`)),
        );
      });

      it('by a cancel gives the waiting run its result', async () => {
        const op = newOp();
        const running = sandbox.run(
          op,
          { command: 'echo begun; touch begun; sleep 1000', timeoutSeconds: 1000 },
          { signal: signal() },
        );
        while (!(await sandbox.stat('begun', signal())));
        await sandbox.cancel(op);
        expect(await running).toMatchObject({ state: 'exited', endedBy: 'cancel', exitCode: 143, output: { head: 'begun\n' } });
        await sandbox.cancel(op);
        await sandbox.cancel('never-there');
        expect(await sandbox.attach(op, { command: '', timeoutSeconds: 1 }, { signal: signal() })).toMatchObject({
          endedBy: 'cancel',
        });
      });

      it('by a cancel right after its start loses no race', async () => {
        const results = await Promise.all(
          Array.from({ length: 6 }, async () => {
            const op = newOp();
            const running = sandbox.run(op, { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
            while ((await sandbox.state(op, signal())) === 'absent');
            await sandbox.cancel(op);
            return running;
          }),
        );
        for (const result of results) expect(result).toMatchObject({ state: 'exited', endedBy: 'cancel' });
      });

      it('at the output limit keeps head, tail and the whole file', async () => {
        const one = await fresh({ maxOutputBytes: 5_000_000 });
        const result = exited(await run('echo first; yes', { in: one }));
        expect(result.endedBy).toBe('output-limit');
        expect(result.output.bytes).toBeGreaterThan(5_000_000);
        expect(result.output.head).toMatch(/^first\ny\n/);
        expect(result.output.head.length + result.output.tail.length + result.output.omitted).toBe(result.output.bytes);
      });
    });

    describe('output', () => {
      it('is followed while it grows', async () => {
        const seen: { bytes: number; tail: string }[] = [];
        const command =
          'echo one; while ! [ -e seen ]; do sleep 0.02; done; head -c 9000 /dev/zero | tr "\\0" "é" | tr -d "\\303"; echo; exit 0';
        const running = sandbox.run(
          newOp(),
          { command, timeoutSeconds: 60 },
          {
            signal: signal(),
            onOutput: (progress) => {
              seen.push(progress);
              if (seen.length === 1) run('touch seen').catch(() => {});
            },
          },
        );
        await running;
        expect(seen[0]).toEqual({ bytes: 4, tail: 'one\n' });
        expect(seen.every(({ tail }) => Buffer.byteLength(tail) <= 3 * 4096)).toBe(true);
      });

      it('that is long is cut in the middle, at whole characters, and can be read in full', async () => {
        const one = exited(
          await sandbox.run(
            newOp(),
            { command: 'i=0; while [ $i -lt 2000 ]; do echo "é$i"; i=$((i+1)); done', timeoutSeconds: 60 },
            { signal: signal(), keepBytes: 1001 },
          ),
        ).output;
        expect(one.head.startsWith('é0\né1\n')).toBe(true);
        expect(one.tail.endsWith('é1999\n')).toBe(true);
        expect(one.head + one.tail).not.toContain('\ufffd');
        expect(Buffer.byteLength(one.head) + Buffer.byteLength(one.tail) + one.omitted).toBe(one.bytes);
        expect(await output(`wc -c <'${one.path}'`)).toMatch(new RegExp(`^ *${one.bytes}\\n$`));
      });

      it('of hundreds of megabytes takes no memory of the operator', async () => {
        const before = process.memoryUsage().rss;
        const result = exited(await run('head -c 500000000 /dev/zero'));
        expect(result).toMatchObject({ exitCode: 0, output: { bytes: 500_000_000 } });
        expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
        await run(`: >'${result.output.path}'`);
      });
    });

    describe('a query', () => {
      it('gives status and whole output, and refuses more than was asked for', async () => {
        expect(await sandbox.query('echo "$A"; exit 3', { env: { A: 'b' }, cwd: '/', signal: signal() })).toEqual({
          exitCode: 3,
          output: 'b\n',
        });
        await expect(sandbox.query('head -c 5000 /dev/zero', { maxBytes: 4999, signal: signal() })).rejects.toThrow(/5000 bytes/);
        await expect(sandbox.query('sleep 100', { timeoutSeconds: 0.2, signal: signal() })).rejects.toThrow(/timeout/);
        const many = await Promise.all([1, 2, 3, 4].map((n) => sandbox.query(`sleep 0.1; echo ${n}`, { signal: signal() })));
        expect(many.map((one) => one.output)).toEqual(['1\n', '2\n', '3\n', '4\n']);
      });

      it('knows which tools are there', async () => {
        for (const tool of ['rg', 'bash', 'git', 'setsid'] as const) {
          const there = (await sandbox.query(`command -v ${tool} >/dev/null`, { signal: signal() })).exitCode === 0;
          expect(await sandbox.has(tool, signal())).toBe(there);
        }
      });
    });

    describe('files', () => {
      const apply = (one: Sandbox, op: string, files: Record<string, string | null>): Promise<void> =>
        one.applyFiles(
          op,
          Object.entries(files).map(([path, content]) => ({ path, bytes: content === null ? null : Buffer.from(content) })),
          signal(),
        );
      const read = async (one: Sandbox, path: string): Promise<string | undefined> =>
        text(await one.readFile(path, { maxBytes: 1_000_000, signal: signal() }));

      it('are written with their parents and deleted, and keep the modes that they had', async () => {
        await run('mkdir f; echo old >f/script; chmod 755 f/script; echo x >f/gone; ln -s script f/link');
        await apply(sandbox, newOp(), {
          'f/new/deep/a b.txt': 'new\n',
          'f/link': 'through the link\n',
          'f/gone': null,
          'f/never': null,
        });
        expect(
          await output(
            'cat "f/new/deep/a b.txt" f/script; ls f; [ -x f/script ] && [ -L f/link ] && ! [ -x "f/new/deep/a b.txt" ] && echo kept',
          ),
        ).toBe('new\nthrough the link\nlink\nnew\nscript\nkept\n');
        expect(await read(sandbox, `${sandbox.worktree}/f/new/deep/a b.txt`)).toBe('new\n');
        expect(await read(sandbox, 'f/link')).toBe('through the link\n');
        expect(await sandbox.stat('f/link', signal())).toEqual({ type: 'file', size: 17 });
        expect(await sandbox.stat('f', signal())).toMatchObject({ type: 'directory' });
        expect(await sandbox.stat('.', signal())).toMatchObject({ type: 'directory' });
        expect(await sandbox.stat('f/none', signal())).toBeUndefined();
        expect(await read(sandbox, 'f/none')).toBeUndefined();
        await sandbox.applyFiles(
          newOp(),
          [{ path: 'f/tool\nÄ', bytes: Buffer.from('#!/bin/sh\necho runs'), mode: 0o755 }],
          signal(),
        );
        expect(await output('"./f/tool\nÄ"')).toBe('runs\n');
      });

      it('take the directories with them that they were the last in, and no others', async () => {
        await run('mkdir -p p/q/r p/other empty; echo x >p/q/r/last; echo x >p/keep; ln -s p/q way');
        await apply(sandbox, newOp(), { 'p/q/r/last': null });
        expect(await output('find p empty | sort | tr "\\n" " "')).toBe('empty p p/keep p/other ');
        // What is moved within a directory leaves it as it is.
        await run('mkdir -p m; chmod 750 m; echo x >m/old');
        await apply(sandbox, newOp(), { 'm/old': null, 'm/new': 'x' });
        expect(await output('ls m; ls -ld m | cut -c 1-10')).toBe('new\ndrwxr-x---\n');
        await apply(sandbox, newOp(), { 'm/new': null, 'p/keep': null });
        expect(await output('find . -path ./.git -prune -o -type d -print | grep -c "^./m"; ls p')).toBe('0\nother\n');
      });

      it('are changed once per operation, whatever is asked the second time', async () => {
        const op = newOp();
        await apply(sandbox, op, { once: '1' });
        await run('echo changed >once');
        await apply(sandbox, op, { once: '2' });
        expect(await read(sandbox, 'once')).toBe('changed\n');
        expect(await sandbox.resumeFiles(op, signal())).toBe('applied');
        expect(await sandbox.resumeFiles(newOp(), signal())).toBe('absent');
      });

      it('are refused outside of the worktree, through links too, before anything is changed', async () => {
        await run(
          'mkdir g; ln -s /etc g/etc; ln -s ../.. g/up; ln -s loop g/loop; ln -s /nowhere/x g/dangling; echo x >g/file; ln -s inner/new g/inside',
        );
        const outside = [
          '/etc/passwd',
          '../home/x',
          'g/etc/passwd',
          'g/up/.run/epoch',
          'g/loop',
          'g/dangling',
          'g/file/x',
          'g',
          '',
          `${sandbox.root}/x`,
          'g/none/../../../x',
        ];
        for (const path of outside) {
          await expect(apply(sandbox, newOp(), { 'g/first': 'x', [path]: 'x' })).rejects.toThrow(PathError);
        }
        expect(await sandbox.stat('g/first', signal())).toBeUndefined();
        for (const path of ['/etc/passwd', 'g/etc/passwd', '../.run/epoch', 'g', 'g/loop']) {
          await expect(sandbox.readFile(path, { maxBytes: 100, signal: signal() })).rejects.toThrow(PathError);
        }
        await expect(apply(sandbox, newOp(), { 'g/file': '1', './g/file': '2' })).rejects.toThrow(/twice/);
        await apply(sandbox, newOp(), { 'g/inside': 'made' });
        expect(await read(sandbox, 'g/inner/new')).toBe('made');
      });

      it('are read up to a limit, and only regular ones', async () => {
        await run('head -c 101 /dev/zero >big; mkfifo pipe');
        await expect(sandbox.readFile('big', { maxBytes: 100, signal: signal() })).rejects.toThrow(/100 bytes/);
        expect((await sandbox.readFile('big', { maxBytes: 101, signal: signal() }))?.length).toBe(101);
        await expect(sandbox.readFile('pipe', { maxBytes: 100, signal: signal() })).rejects.toThrow(PathError);
        await expect(apply(sandbox, newOp(), { pipe: 'x' })).rejects.toThrow(PathError);
      });

      it('go into and out of the folder above as they are', async () => {
        const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 253));
        await sandbox.upload('in/one.bundle', bytes, signal());
        const back = await sandbox.download('in/one.bundle', { maxBytes: 3_000_000, signal: signal() });
        // Jest would compare millions of numbers one by one.
        expect(bytes.equals(back ?? Buffer.alloc(0))).toBe(true);
        expect(await output('wc -c <../in/one.bundle; [ -w ../in/one.bundle ] && echo mine')).toMatch(/^ *3000000\nmine\n$/);
        await expect(sandbox.upload('../x', bytes, signal())).rejects.toThrow(PathError);
        await expect(sandbox.download('in/one.bundle', { maxBytes: 10, signal: signal() })).rejects.toThrow(/10 bytes/);
        expect(await sandbox.download('in/none', { maxBytes: 10, signal: signal() })).toBeUndefined();
      });

      it('are completed by the next operator when a crash came in the middle of installing them, and otherwise untouched', async () => {
        const one = await fresh();
        await one.query('mkdir a; echo 1 >a/one; echo 2 >a/two; chmod 755 a/two', { signal: signal() });
        const files = { 'a/one': 'ONE', 'a/two': 'TWO', 'b/three': 'THREE', 'a/gone': null };
        // Where a crash may come: the folder of the runner's notes as it was after each step of a change that was cut short.
        await apply(one, 'done', files);
        const stage = `${one.root}/.run/files`;
        const crashAfter = async (op: string, steps: string): Promise<Sandbox> => {
          await one.query(
            `cp -R '${stage}/done' '${stage}/${op}' && rm -rf b && echo 1 >a/one && echo 2 >a/two && touch a/gone && cd '${stage}/${op}' && ${steps}`,
            { signal: signal() },
          );
          return one;
        };
        const staged = 'printf ONE >1/0; printf TWO >1/1; chmod 755 1/1; printf THREE >1/2; rm done';
        await crashAfter('staging', `rm -f done chosen 1/manifest; printf ONE >1/0`);
        expect(await one.resumeFiles('staging', signal())).toBe('absent');
        expect(await read(one, 'a/one')).toBe('1\n');
        for (const [op, steps] of [
          ['chosen', staged],
          ['first', `${staged}; mv 1/0 ../../../repo/a/one`],
          [
            'all',
            `${staged}; mv 1/0 ../../../repo/a/one; mv 1/1 ../../../repo/a/two; mkdir ../../../repo/b; mv 1/2 ../../../repo/b/three; rm ../../../repo/a/gone`,
          ],
        ] as const) {
          await crashAfter(op, steps);
          expect(await one.resumeFiles(op, signal())).toBe('applied');
          const { output: after } = await one.query('cat a/one a/two b/three; ls a; [ -x a/two ] && echo kept', {
            signal: signal(),
          });
          expect(after).toBe('ONETWOTHREEone\ntwo\nkept\n');
        }
      });
    });
  });
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function exited(result: CommandResult): CommandResult & { state: 'exited' } {
  if (result.state !== 'exited') throw new Error(`the command ended as ${result.state}: ${result.reason}`);
  return result;
}
