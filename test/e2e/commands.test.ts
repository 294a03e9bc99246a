import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { processesNaming } from '../support/processes.ts';
import { itWithMount } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, finish, greet, write } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const withMount = itWithMount();
if (process.platform !== 'linux') console.warn('not tested: who calls the API can only be told on Linux');

describe.each(SANDBOX_KINDS)('in $name', (kind) => {
  let housed: Housed;
  let system: System;
  let repository: string;

  beforeAll(async () => {
    housed = await kind.start();
    ({ system } = housed);
    repository = await system.repository('greeter');
  });
  afterEach(() => system.clear());
  afterAll(() => housed.close());

  /** Runs one command, and a second one after it, in a session that must complete; returns what the model was told of the first. */
  async function result(goal: string, command: string, more: Record<string, unknown> = {}): Promise<string> {
    system.model.on(goal, { work: [bash(command, more), bash('echo still here'), ...greet] });
    await system.completed(await system.session(goal, repository));
    const [first = '', second] = system.model.results(goal);
    expect(second).toContain('still here');
    return first;
  }

  describe('a command', () => {
    it('that prints 500 MB is cut for the model and for the log, and costs the system no memory', async () => {
      const text = await result('Print a lot', 'head -c 500000000 /dev/zero | tr "\\0" x; echo; echo the end');
      expect(text.length).toBeLessThan(40_000);
      expect(text).toMatch(/the end|wrote too much output/);
      const status = execFileSync('ps', ['-o', 'rss=', '-p', String(system.pid)], { encoding: 'utf8' });
      expect(Number(status) / 1024).toBeLessThan(350);
    });

    it('that takes longer than it may is ended, and the model reads what it wrote before', async () => {
      const text = await result('Wait too long', 'echo begun; sleep 1000', { timeout_seconds: 1 });
      expect(text).toMatch(/^begun\n\[ended after 1 s: timeout\./);
    });

    it('that leaves a daemon behind returns at once, and the daemon goes with the session', async () => {
      const mark = `daemon-${Date.now()}`;
      const text = await result(
        'Start a daemon',
        `bash -c 'exec -a ${mark} sleep 1000' & setsid bash -c 'exec -a ${mark} sleep 1001' & echo started`,
      );
      expect(text).toMatch(/^started\n\[exit code 0/);
      await system.clear();
      await eventually('the daemon to be gone', () => processesNaming(mark).every(({ command }) => !command.startsWith(mark)));
    });

    // What is elsewhere does not reach it at all.
    if (kind.type === 'local' && process.platform === 'linux')
      it('that calls the API is refused, be it to read, to approve or to start sessions', async () => {
        const { port } = new URL(system.url);
        const call = (method: string, path: string) =>
          `(exec 3<>/dev/tcp/127.0.0.1/${port} && printf '${method} ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3)`;
        const text = await result(
          'Call the API',
          [call('GET', '/agent/sessions'), call('POST', '/agent/sessions'), call('POST', '/agent/sessions/x/approve')].join('; '),
        );
        expect(
          text
            .split('\n')
            .slice(0, 3)
            .map((line) => line.trim()),
        ).toEqual(new Array(3).fill('HTTP/1.1 403 Forbidden'));
      });

    it('that is one of twenty asked for at once gives its result in its place', async () => {
      const calls = Array.from({ length: 20 }, (_, index) => ({ name: 'bash', args: { command: `echo number ${index}` } }));
      const goal = system.model.on('Greet after twenty things', { work: [{ calls }, ...greet] });
      await system.completed(await system.session(goal, repository));
      const results = system.model.results(goal);
      expect(results.slice(0, 20).map((text) => text.split('\n')[0])).toEqual(calls.map((_, index) => `number ${index}`));
    });

    it('that reads standard input finds it empty', async () => {
      expect(await result('Read standard input', 'read -r line || echo nothing to read; cat | wc -c')).toMatch(
        /^nothing to read\n0\n/,
      );
    });

    it('that kills its parent is reported, and neither the session nor the system goes down', async () => {
      const pid = system.pid;
      const text = await result('Kill the parent', 'kill -9 $PPID; sleep 0.2; echo survived');
      expect(text).toMatch(/exit code|lost|ended/);
      expect(system.pid).toBe(pid);
      expect((await system.request('GET', '/readyz')).status).toBe(200);
    });

    it('that heeds no signal, under a runner that no longer answers, is ended from outside when the session is cancelled', async () => {
      const mark = `deaf-${Date.now()}`;
      const goal = system.model.on('Heed no signal', { work: [bash(`trap '' TERM; exec -a ${mark} sleep 1000`)] });
      const id = await system.session(goal, repository);
      const running = () => processesNaming(mark).filter(({ command }) => command.startsWith(mark));
      await eventually('the command', () => running().length > 0);
      const runners = processesNaming(`swe-agent-runner ${housed.inside(id)}`).filter(
        ({ command }) => !command.startsWith('bwrap'),
      );
      expect(runners).not.toEqual([]);
      for (const { pid } of runners) process.kill(pid, 'SIGSTOP');
      await system.act(id, 'cancel');
      await eventually('the command to be gone', () => running().length === 0);
      await eventually('the line that says so', () => system.output.includes('a command could not be ended; ending its sandbox'));
      await system.until(id, 'the end', ({ status }) => status === 'CANCELLED');
    });

    it('that kills itself is reported with the signal', async () => {
      expect(await result('Kill itself', 'kill -9 $$')).toContain('[exit code 137 (SIGKILL)');
    });

    it('that writes what no terminal should see is shown harmlessly', async () => {
      const goal = 'Write control characters';
      const text = await result(goal, "printf '\\033[31mred\\033[0m \\007bell \\000nul \\377\\376bytes\\n'");
      expect(text).toContain('red');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(text).not.toMatch(/[\u0000\u0007\u001b]/);
    });
  });
});

describe.each(SANDBOX_KINDS)('a full disk of $name', (kind) => {
  let place: string | undefined;
  let housed: Housed | undefined;
  const unmount = (): void => {
    if (place) execFileSync('umount', [place]);
    place = undefined;
  };
  afterAll(async () => {
    // What is left there ends first.
    await housed?.system.clear();
    unmount();
    await housed?.close();
  });

  withMount('is told to the model and to the user, and the session goes on once there is room', async () => {
    const small = await kind.start({
      prepare: async (folder) => {
        place = join(folder, kind.type === 'local' ? 'workspace' : 'daytona');
        mkdirSync(place, { recursive: true });
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=755', 'swe-agent-test', place]);
        return {};
      },
    });
    housed = small;
    const { system } = small;
    const source = await system.repository('greeter');
    const filling = [
      bash('head -c 60000000 /dev/zero > big.bin; echo status $?'),
      // And what was kept for such a day.
      bash('head -c 60000000 /dev/zero >> big.bin; echo status $?'),
      write('large.txt', 'x'.repeat(200_000)),
      finish('Done, I suppose.'),
    ];
    const goal = system.model.on('Fill the disk', {
      // The check that fails brings the programmer back.
      work: ({ messages, turn }) => (messages[0]?.text.includes('What to mend now') ? greet : filling)[turn] ?? {},
    });
    const id = await system.session(goal, source);
    const waiting = await system.until(id, 'the reason', ({ reason }) => reason === 'StorageFull');
    const advice = {
      local: 'the disk that holds the workspace is full; free some space',
      daytona: 'remove large files in it, or start a session with more',
    };
    expect(waiting.message).toContain(advice[kind.type]);
    expect(system.model.results(goal)[2]).toContain('No space is left on the disk');
    // As the user would, who reads this.
    rmSync(small.inside(id, 'repo/big.bin'));
    const done = await system.completed(id);
    expect(done.result.pushed).toBe(true);
    await system.clear();

    const freeing = [bash('head -c 60000000 /dev/zero > big.bin'), bash('rm big.bin && echo removed'), ...greet];
    const alone = system.model.on('Make room on a full disk', { work: freeing });
    expect((await system.completed(await system.session(alone, source))).result.pushed).toBe(true);
    expect(system.model.results(alone)[1]).toMatch(/^removed\n/);
  });
});
