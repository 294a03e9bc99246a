/** What commands cannot reach. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patience as signal } from '../../../test/support/eventually.ts';
import { LocalSandboxes, missing } from '../../../test/support/local-sandboxes.ts';
import { openSandbox } from '../commands.ts';
import type { Sandbox } from '../sandbox.ts';
import { BubblewrapIsolator } from './bubblewrap.ts';
import type { IsolationMethod } from './isolation.ts';
import { NoIsolation } from './no-isolation.ts';
import { MarkedProcesses } from './processes.ts';

for (const method of ['bubblewrap', 'user'] satisfies IsolationMethod[]) {
  const reason = missing(method);
  describe(`isolation by ${method}`, () => {
    if (reason) {
      it.skip(`is not tested: ${reason}`, () => {});
      return;
    }
    let sandboxes: LocalSandboxes;
    let sandbox: Sandbox;
    let other: Sandbox;
    let state: string;
    let home: string;

    beforeAll(async () => {
      sandboxes = new LocalSandboxes(method);
      state = join(sandboxes.folder, 'state');
      home = join(sandboxes.folder, 'home');
      for (const [path, text] of [
        ['state/log.db', 'secret log'],
        ['home/.ssh/id', 'secret key'],
        ['home/.nvm/bin/node', 'a tool'],
        ['.env', 'OPENAI_API_KEY=secret'],
      ] as const) {
        mkdirSync(join(sandboxes.folder, path, '..'), { recursive: true });
        writeFileSync(join(sandboxes.folder, path), text, { mode: text === 'a tool' ? 0o755 : 0o600 });
      }
      chmodSync(state, 0o700);
      const options = {
        hidden: [state, join(sandboxes.folder, '.env')],
        home,
        hostEnvironment: { PATH: process.env.PATH, OPENAI_API_KEY: 'secret', GIT_TOKEN: 'secret', LANG: 'C.UTF-8' },
      };
      const transport = sandboxes.transport(options);
      sandbox = await openSandbox(await transport.provision(sandboxes.owner(), {}, signal()), { epoch: 1 });
      other = await openSandbox(await transport.provision(sandboxes.owner(), {}, signal()), { epoch: 1 });
      await other.query('echo secret >theirs; chmod 644 theirs', { signal: signal() });
    });
    afterAll(async () => {
      await Promise.all([sandbox?.close(), other?.close()]);
      await sandboxes.close();
    });

    const says = async (command: string): Promise<string> =>
      (await sandbox.query(`${command} 2>&1`, { signal: signal() })).output;

    it('says so', () => {
      expect(sandbox.isolation).toMatchObject({ isolated: true, method });
    });

    it('keeps the state folder, .env, keys and other sessions from being read', async () => {
      const paths = [
        `${state}/log.db`,
        `${sandboxes.folder}/.env`,
        `${home}/.ssh/id`,
        `${other.worktree}/theirs`,
        `${other.root}/.sandbox`,
      ];
      for (const path of paths) expect(`${path}: ${await says(`cat '${path}'`)}`).not.toMatch(/secret|KEY/);
      expect(await says(`ls '${sandboxes.options.workspaceDir}/.sandboxes'`)).not.toMatch(/json/);
      expect(await says('env')).not.toMatch(/secret/);
    });

    it('keeps the environment and the life of the operator from the commands', async () => {
      expect(await says(`tr '\\0' '\\n' </proc/${process.pid}/environ | grep -c PATH=`)).not.toMatch(/^1/m);
      const result = await sandbox.query(`kill -0 ${process.pid}`, { signal: signal() });
      expect(result.exitCode).not.toBe(0);
      expect(await says(`kill -0 $(ls /proc | grep -x ${process.ppid})`)).not.toBe('');
    });

    it('lets nothing outside of the session be written, nor its marker', async () => {
      // Only asked for, not tried: where it were possible it would do harm.
      const never = [
        '/etc',
        '/etc/hosts',
        '/usr',
        '/',
        '/proc/sys/kernel/core_pattern',
        '/proc/sys/vm/overcommit_memory',
        '/sys',
      ];
      expect(await says(`for path in ${never.join(' ')}; do [ -w "$path" ] && echo "$path"; done; true`)).toBe('');
      const outside = [`${sandboxes.folder}/x`, `${state}/x`, `${other.worktree}/x`, `${home}/x`];
      await says(`for path in ${outside.join(' ')}; do echo x >"$path"; done; true`);
      expect(outside.filter((path) => existsSync(path))).toEqual([]);
      await says('echo mine >../.sandbox; true');
      expect(await says('cat ../.sandbox')).toBe(`${sandbox.identity.uid}\n`);
    });

    it('leaves what work needs: the session folder, a temporary one, devices, the network', async () => {
      expect(
        await says(
          'echo x >f && mkdir ../new && echo x >"$TMPDIR/f" && echo x >"$HOME/f" && echo x >/dev/null && head -c 4 /dev/urandom | wc -c',
        ),
      ).toMatch(/^ *4\n$/);
      expect(await says('cat /proc/net/route | head -1')).toMatch(/Iface/);
    });

    if (method === 'bubblewrap') {
      it('shows toolchains of the home directory read-only, a private /tmp, an empty /run and no other processes', async () => {
        expect(await says(`cat '${home}/.nvm/bin/node'; ls -A '${home}'`)).toBe('a tool.nvm\n');
        expect(await says(`(echo x >'${home}/.nvm/x') 2>/dev/null || echo refused`)).toBe('refused\n');
        expect(
          await says(`ls -A /run; for path in /run '${home}' '${state}'; do echo x >"$path/x"; done 2>&1 | grep -vc Read-only`),
        ).toBe('0\n');
        expect(await says('echo x >/tmp/private && cat "$TMPDIR/private"')).toBe('x\n');
        expect(Number(await says('ls /proc | grep -c "^[0-9]"'))).toBeLessThan(12);
      });

      it('gives bubblewrap itself none of the variables of the session', () => {
        const isolator = new BubblewrapIsolator(
          { program: 'bwrap', home, path: '/usr/bin', workspaceDir: sandboxes.options.workspaceDir, hidden: [] },
          new MarkedProcesses(),
        );
        const place = { root: sandbox.root, marker: `${sandbox.root}/.sandbox`, sandboxUid: 'u' };
        const start = isolator.start(place, ['sh'], { LD_PRELOAD: `${sandbox.root}/repo/x.so`, PATH: '/evil' });
        expect(start.env).toEqual({ PATH: '/usr/bin', SWE_AGENT_SANDBOX: 'u' });
        expect(start.args).toEqual(expect.arrayContaining(['--setenv', 'LD_PRELOAD']));
        expect(start.args).not.toContain('--die-with-parent');
      });
    }

    if (process.getuid?.() === 0) {
      it('gives every session a user of its own, who cannot read what only root can and gains no right', async () => {
        const users = await Promise.all([sandbox, other].map((one) => one.query('id -u', { signal: signal() })));
        const [mine, theirs] = users.map(({ output }) => Number(output));
        expect(mine).toBeGreaterThanOrEqual(52_000);
        expect(mine).not.toBe(theirs);
        expect(await says('id -G; id -g')).toBe(`${mine}\n${mine}\n`);
        const outside = mkdtempSync('/var/swe-agent-test-');
        try {
          chmodSync(outside, 0o755);
          writeFileSync(join(outside, 'root-only'), 'secret of root', { mode: 0o600 });
          writeFileSync(join(outside, 'open'), 'to all', { mode: 0o644 });
          expect(await says(`cat ${outside}/open ${outside}/root-only`)).toMatch(/^to allcat: .*Permission denied/);
        } finally {
          rmSync(outside, { recursive: true });
        }
        expect(await says('grep -E "^Cap(Inh|Prm|Eff|Amb)" /proc/self/status | tr -d "0\t:\n"')).toBe('CapInhCapPrmCapEffCapAmb');
        expect(await says('touch f && ls -n f')).toContain(` ${mine} ${mine} `);
      });
    }
  });
}

describe('the choice of an isolation', () => {
  const bubblewrap = '/nonexistent/bwrap';

  it('refuses what was asked for and does not work, and says why', async () => {
    const sandboxes = new LocalSandboxes('none');
    const provision = sandboxes.transport({ isolation: 'bubblewrap', bubblewrap }).provision(sandboxes.owner(), {}, signal());
    await expect(provision).rejects.toMatchObject({
      reason: 'IsolationUnavailable',
      message: expect.stringContaining('not installed'),
    });
    await sandboxes.close();
  });

  it('says loudly when nothing works, and what to do about it', async () => {
    const sandboxes = new LocalSandboxes('none');
    const open = { isolation: 'auto' as const, bubblewrap, hidden: ['/etc/passwd'] };
    const handle = await sandboxes.transport(open).provision(sandboxes.owner(), {}, signal());
    expect(handle.isolation).toMatchObject({ isolated: false, method: 'none', message: expect.stringContaining('NOT ISOLATED') });
    expect(handle.isolation.message).toContain(
      process.platform === 'linux' ? 'bubblewrap (bwrap) is not installed' : 'container',
    );
    expect(handle.isolation.message).toContain(process.platform === 'linux' ? 'as long as they do not hide' : 'cannot tell');
    const chosen = await sandboxes.transport().provision(sandboxes.owner(), {}, signal());
    expect(chosen.isolation.message).toContain('switched off');
    await sandboxes.close();
  });

  it('says that callers cannot be told apart where there is no way to do so', () => {
    const { isolation } = new NoIsolation('Nothing better works.', new MarkedProcesses(), 'darwin');
    expect(isolation.message).toMatch(/this API included, which cannot tell their calls from yours on this system\. Nothing/);
  });

  it('is known before there is a session, and finding out leaves nothing behind', async () => {
    const sandboxes = new LocalSandboxes('none');
    const open = { isolation: 'auto' as const, bubblewrap, hidden: ['/etc/passwd'] };
    const transport = sandboxes.transport(open);
    const handle = await transport.provision(sandboxes.owner(), {}, signal());
    expect(await transport.isolation()).toEqual(handle.isolation);
    expect(await transport.listOrphans(new Set(), signal())).toHaveLength(1);
    expect(readdirSync(sandboxes.options.workspaceDir).sort()).toEqual(['.sandboxes', 'session-1']);
    await sandboxes.close();
  });
});
