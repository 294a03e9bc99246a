import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { addCommits, git, makeRepository } from '../support/git-repository.ts';
import { itIsolated } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, finish, greet, plan, write } from '../support/scripted-sessions.ts';
import { AUTHOR, type System } from '../support/system.ts';

const isolated = itIsolated();

const TOKEN = 'git-token-that-opens-0123456789';

describe.each(SANDBOX_KINDS)('with commands in $name,', (kind) => {
  let housed: Housed;
  let system: System;
  let mine: GitHttpServer;

  beforeAll(async () => {
    const tls = await loopbackCertificate();
    housed = await kind.start({
      prepare: async (folder) => {
        writeFileSync(join(folder, 'certificate.pem'), tls.cert);
        mkdirSync(join(folder, 'remotes'));
        const files = { 'README.md': 'Greets.\n' };
        for (const name of ['private.git', 'other.git'])
          await makeRepository(join(folder, 'remotes', name), [{ files }], { bare: true });
        mine = await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: TOKEN });
        return { GIT_TOKEN: TOKEN, GIT_TOKEN_HOSTS: mine.host, GIT_SSL_CAINFO: join(folder, 'certificate.pem') };
      },
    });
    ({ system } = housed);
  });
  afterEach(() => system.clear());
  afterAll(async () => {
    await mine[Symbol.asyncDispose]();
    await housed.close();
  });

  describe('a private repository over https', () => {
    if (kind.first)
      it('is asked for again when its server is away, and the log says so', async () => {
        mine.options.status = 503;
        try {
          const goal = system.model.on('Greet when the server is back');
          const id = await system.session(goal, `${mine.url}/other.git`);
          const waiting = await system.until(id, 'the warning', ({ logs }) =>
            logs.some((line) => line.includes('Trying again in 1 s')),
          );
          expect(waiting.status).toBe('RUNNING');
          delete mine.options.status;
          await system.completed(id);
        } finally {
          delete mine.options.status;
        }
      });

    it('is cloned and pushed to with a token that the sandbox never has', async () => {
      const goal = system.model.on('Greet in private', {
        work: [bash('git remote -v; git config --list; env; cat .git/config'), ...greet],
      });
      const done = await system.completed(await system.session(goal, `${mine.url}/private.git`));
      expect(done.result).toMatchObject({ pushed: true, verified: true });
      const [seen] = system.model.results(goal);
      expect(seen).toContain(`${mine.url}/private.git`);
      expect(seen).not.toContain(TOKEN);
      const bare = system.path('remotes/private.git');
      expect(await git(bare, 'log', '-1', '--format=%an <%ae>', done.result.branch)).toBe(`${AUTHOR.name} <${AUTHOR.email}>`);
    });

    it('keeps the branch for download when the token may not push', async () => {
      mine.options.mayPush = false;
      const goal = system.model.on('Greet read-only');
      const id = await system.session(goal, `${mine.url}/other.git`);
      const done = await system.completed(id).finally(() => delete mine.options.mayPush);
      expect(done.result).toMatchObject({ pushed: false, verified: true });
      expect(done.logs.join('\n')).toContain('The branch is kept and can be downloaded as a bundle or a patch.');
      const files: Record<string, string> = {};
      for (const what of ['bundle', 'diff']) {
        const response = await fetch(`${system.url}/agent/sessions/${done.id}/${what}`);
        files[what] = system.path('home', `kept.${what}`);
        writeFileSync(files[what], Buffer.from(await response.arrayBuffer()));
      }
      const { bundle = '', diff = '' } = files;
      // Every way in which a user may take the result into a clone of the repository.
      const ways: Record<string, string[][]> = {
        pull: [['pull', '-q', bundle]],
        'pull by name': [['pull', '-q', bundle, done.result.branch]],
        fetch: [
          ['fetch', '-q', bundle, done.result.branch],
          ['merge', '-q', '--ff-only', 'FETCH_HEAD'],
        ],
        am: [['am', '-q', diff]],
        apply: [['apply', diff]],
      };
      for (const [way, commands] of Object.entries(ways)) {
        const clone = system.path('home', way);
        await git(system.folder, 'clone', '-q', system.path('remotes/other.git'), clone);
        for (const command of commands) await git(clone, ...command);
        const author = await git(clone, 'log', '-1', '--format=%an <%ae>|%s');
        const greeting = readFileSync(join(clone, 'greeting.txt'), 'utf8');
        const committed = way === 'apply' ? 'Ada Fixture <ada@example.com>|Commit 1' : `${AUTHOR.name} <${AUTHOR.email}>|Greet`;
        expect({ way, greeting, author }).toEqual({ way, greeting: 'hello\n', author: committed });
      }
    });
  });

  describe('a repository', () => {
    it('that could not be had is tried again with a message', async () => {
      const url = system.path('repositories/late');
      const goal = system.model.on('Greet late');
      const id = await system.session(goal, url);
      const failed = await system.until(id, 'the failure', ({ status }) => status === 'FAILED');
      expect(failed).toMatchObject({ reason: 'RepositoryNotFound', result: null });
      expect(system.model.requests(goal)).toEqual([]);
      await system.repository('late');
      await system.act(id, 'input', { message: 'It is there now.' });
      await system.completed(id);
    });

    it('with non-ASCII letters, spaces and quotes in its paths is worked on like any other', async () => {
      const odd = 'Ordner mit Leerzeichen/größe "文件" \'n\'.txt';
      const repository = await system.repository('unusual', { [odd]: 'one\n', '-dash.txt': 'x\n', 'README.md': 'x\n' });
      const goal = system.model.on('Greet in odd places', {
        plan: [plan('Größe 文件', [`grep -q two "$(ls -d Ordner*)"/*`])],
        work: [
          { calls: [{ name: 'read_file', args: { path: odd } }] },
          { calls: [{ name: 'edit_file', args: { path: odd, old_string: 'one', new_string: 'two' } }] },
          write('neu/ä ö ü.txt', 'hello\n'),
          finish('Größe geändert.'),
        ],
      });
      const done = await system.completed(await system.session(goal, repository));
      expect(system.model.results(goal)[0]).toContain('one');
      expect(done.result).toMatchObject({ pushed: true, verified: true, files_changed: 2 });
      expect(await git(repository, 'show', `${done.result.branch}:${odd}`)).toBe('two');
      expect(await git(repository, 'show', `${done.result.branch}:neu/ä ö ü.txt`)).toBe('hello');
      expect((await system.request('GET', `/agent/sessions/${done.id}/diff`)).text).toContain('+two');
    });

    it('with submodules and LFS pointers is cloned without them, and the log says so', async () => {
      const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12345\n`;
      const repository = await system.repository('attachments', {
        '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = https://example.com/lib.git\n',
        lib: { submodule: '1'.repeat(40) },
        '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
        'data.bin': pointer,
      });
      const goal = system.model.on('Greet beside a submodule', { work: [bash('cat data.bin; ls -A lib'), ...greet] });
      const done = await system.completed(await system.session(goal, repository));
      const told = done.logs.join('\n');
      expect(told).toMatch(/submodule/i);
      expect(told).toMatch(/LFS/);
      expect(system.model.results(goal)[0]).toContain('oid sha256');
      // Neither is touched by the commit.
      expect(await git(repository, 'diff', '--name-only', 'main', done.result.branch)).toBe('greeting.txt');
    });

    // What a command finds behind a link at Daytona is nothing of the operator's, so there only the tools are asked.
    const fenced = kind.type === 'local' ? isolated : it;
    fenced('with symbolic links out of the tree leads nobody out', async () => {
      const outside = system.path('home/outside.txt');
      writeFileSync(outside, 'untouched\n');
      const repository = await system.repository('links', {
        'README.md': 'x\n',
        state: { symlink: system.path('state') },
        kubeconfig: { symlink: system.path('state/kubeconfig') },
        outside: { symlink: outside },
      });
      const token = /token"?: "?([\w.~-]+)/.exec(readFileSync(system.path('state/kubeconfig'), 'utf8'))?.[1] ?? 'no token';
      const goal = system.model.on('Greet beyond the fence', {
        work: [
          {
            calls: [
              { name: 'read_file', args: { path: 'kubeconfig' } },
              { name: 'read_file', args: { path: 'state/kubeconfig' } },
              { name: 'list_files', args: { path: 'state' } },
              { name: 'search', args: { pattern: 'token', path: 'state' } },
              { name: 'write_file', args: { path: 'outside', content: 'changed\n' } },
            ],
          },
          ...(kind.type === 'local' ? [bash('cat kubeconfig state/kubeconfig; ls state/; echo changed > outside')] : []),
          ...greet,
        ],
      });
      const done = await system.completed(await system.session(goal, repository));
      const seen = system.model.results(goal).join('\n');
      expect(token.length).toBeGreaterThan(20);
      expect(seen).not.toContain(token);
      expect(seen).not.toContain('events.db');
      expect(readFileSync(outside, 'utf8')).toBe('untouched\n');
      expect(await git(repository, 'diff', '--name-only', 'main', done.result.branch)).toBe('greeting.txt');
    });

    it('with hooks, filters and commands in its configuration has none of them run on our side', async () => {
      const repository = await system.repository('hostile', {
        'README.md': 'x\n',
        '.gitattributes': '* filter=evil diff=evil merge=evil\n',
      });
      const ran = system.path('home/ran');
      const evil = `touch ${ran}`;
      for (const hook of [
        'pre-receive',
        'update',
        'post-receive',
        'post-update',
        'reference-transaction',
        'post-checkout',
        'pre-push',
        'post-commit',
      ]) {
        const file = join(repository, '.git/hooks', hook);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, `#!/bin/sh\n${evil}-${hook}\n`);
        chmodSync(file, 0o755);
      }
      for (const [name, value] of Object.entries({
        'filter.evil.clean': `${evil}; cat`,
        'filter.evil.smudge': `${evil}; cat`,
        'diff.evil.textconv': `${evil}; cat`,
        'uploadpack.packObjectsHook': `${evil}; exec`,
        'core.fsmonitor': evil,
        'core.sshCommand': evil,
        'core.pager': evil,
        'gpg.program': evil,
      }))
        await git(repository, 'config', name, value);
      const inside = `printf '#!/bin/sh\\n${evil}-inside\\n' > .git/hooks/post-commit; chmod +x .git/hooks/*; git config core.fsmonitor '${evil}-fsmonitor'; git config filter.evil.clean '${evil}-clean; cat'; git config alias.status '!${evil}'`;
      const goal = system.model.on('Greet a hostile repository', { work: [bash(inside), ...greet] });
      const done = await system.completed(await system.session(goal, repository));
      expect(done.result).toMatchObject({ pushed: true, verified: true });
      for (const suffix of [
        '',
        '-pre-receive',
        '-update',
        '-post-receive',
        '-post-update',
        '-reference-transaction',
        '-post-checkout',
        '-pre-push',
        '-post-commit',
        '-inside',
        '-fsmonitor',
        '-clean',
      ])
        expect({ suffix, ran: existsSync(`${ran}${suffix}`) }).toEqual({ suffix, ran: false });
    });

    if (kind.first)
      it('is never pushed to by force: a branch of somebody else stays as it is', async () => {
        const repository = await system.repository('taken');
        await addCommits(repository, [{ files: { 'theirs.txt': 'theirs\n' }, branch: 'results' }], 'results', 'main');
        const goal = system.model.on('Greet on a branch that is taken');
        const before = await git(repository, 'rev-parse', 'results');
        const id = await system.session(goal, repository, { publish: { branch: 'results' } });
        const session = await system.until(id, 'the failure', ({ status }) => status === 'FAILED');
        expect(session.message).toMatch(
          /already has a branch "results" with other commits, and nothing is ever overwritten: set publish\.branch/,
        );
        expect(await git(repository, 'rev-parse', 'results')).toBe(before);
        const refused = await system.session(system.model.on('Greet on the main branch'), repository, {
          publish: { branch: 'main' },
        });
        expect((await system.until(refused, 'the failure', ({ status }) => status === 'FAILED')).message).toContain(
          'publish.allowBaseBranch',
        );
      });
  });
});
