import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { addCommits, git, makeRepository } from '../support/git-repository.ts';
import { itIsolated, itWithKubectl } from '../support/requirements.ts';
import { bash, finish, greet, plan, write } from '../support/scripted-sessions.ts';
import { AUTHOR, type RestProblem, type RestSession, System } from '../support/system.ts';

const withKubectl = itWithKubectl();
const isolated = itIsolated();

const TOKEN = 'git-token-that-opens-0123456789';

let system: System;
let mine: GitHttpServer;
let stranger: GitHttpServer;

beforeAll(async () => {
  const tls = await loopbackCertificate();
  system = await System.start({
    prepare: async (folder) => {
      writeFileSync(join(folder, 'certificate.pem'), tls.cert);
      mkdirSync(join(folder, 'remotes'));
      const files = { 'README.md': 'Greets.\n' };
      for (const name of ['private.git', 'other.git'])
        await makeRepository(join(folder, 'remotes', name), [{ files }], { bare: true });
      mine = await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: TOKEN });
      stranger = await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: 'another-token' });
      return { GIT_TOKEN: TOKEN, GIT_TOKEN_HOSTS: mine.host, GIT_SSL_CAINFO: join(folder, 'certificate.pem') };
    },
  });
});
afterEach(() => system.clear());
afterAll(async () => {
  await mine[Symbol.asyncDispose]();
  await stranger[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
});

async function failed(url: string, more: object = {}): Promise<RestSession> {
  const goal = system.model.on(`Greet ${url}`);
  const id = await system.session(goal, url, { ...more });
  const session = await system.until(id, 'the failure', ({ status }) => status === 'FAILED');
  expect(system.model.requests(goal)).toEqual([]);
  return session;
}

describe('a repository that cannot be had fails the session with a reason and a sentence', () => {
  withKubectl.each<{ what: string; url: () => Promise<string> | string; reason: string; message: RegExp; more?: object }>([
    {
      what: 'a folder that is not there',
      url: () => system.path('nowhere'),
      reason: 'RepositoryNotFound',
      message: /^there is no git repository at .*nowhere: no such folder/,
    },
    {
      what: 'a folder that is no repository',
      url: () => system.path('home'),
      reason: 'RepositoryNotFound',
      message: /^there is no git repository at .*home/,
    },
    {
      what: 'a repository that the server does not have',
      url: () => `${mine.url}/nothing.git`,
      reason: 'RepositoryNotFound',
      message: /or the token may not see it/,
    },
    {
      what: 'a repository without a commit',
      url: () => system.repository('empty', {}),
      reason: 'RepositoryEmpty',
      message: /empty has no branch with a commit: push a first commit to it/,
    },
    {
      what: 'a branch that is not there',
      url: () => system.repository('noref'),
      reason: 'RefNotFound',
      message: /"no-such-branch"/,
      more: { ref: 'no-such-branch' },
    },
  ])('$what', async ({ url, reason, message, more }) => {
    const session = await failed(await url(), more);
    expect(session).toMatchObject({ reason, result: null });
    expect(session.message).toMatch(message);
    expect(session.conditions).toContainEqual(expect.objectContaining({ type: 'Progressing', reason }));
    await system.described(session.id, new RegExp(`Warning +Failed .*${reason}`));
  });

  it('a host that the token is not for, which never gets to see it', async () => {
    const before = stranger.seen.length;
    const session = await failed(`${stranger.url}/private.git`);
    expect(session.message).toContain(`the token may be sent to ${mine.host} only, which ${stranger.host} is not`);
    expect(stranger.seen.length).toBeGreaterThan(before);
    expect(stranger.seen.slice(before).filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  withKubectl('a wrong token, and with the right one in a Secret another session works', async () => {
    const secret = (name: string, token: string) =>
      system.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name, labels: { 'sweagent.dev/credential': 'git' }, annotations: { 'sweagent.dev/hosts': stranger.host } },
          stringData: { token },
        }),
      });
    await secret('wrong', 'not-the-token-0123456789');
    const session = await failed(`${stranger.url}/private.git`, { credentials_secret: 'wrong' });
    expect(session.message).toContain('refused the credential: the token is wrong, expired or not for this repository');
    expect(JSON.stringify(session)).not.toContain('not-the-token');
    await secret('right', 'another-token');
    const goal = system.model.on('Greet with the right Secret');
    const done = await system.completed(
      await system.session(goal, `${stranger.url}/private.git`, { credentials_secret: 'right' }),
    );
    expect(done.result.pushed).toBe(true);
  });

  it('and a message tries again once it can be had', async () => {
    const url = system.path('repositories/late');
    const { id } = await failed(url);
    await system.repository('late');
    await system.act(id, 'input', { message: 'It is there now.' });
    await system.completed(id);
  });
});

describe('a URL that git must never see', () => {
  const refusedByRest = async (url: string, words: string) => {
    const refused = await system.request<RestProblem>('POST', '/agent/sessions', { goal: 'Break out', repo_url: url });
    expect(refused.status).toBe(422);
    expect(refused.body.errors?.[0]).toMatchObject({ field: 'repo_url', message: expect.stringContaining(words) });
    expect(refused.text).not.toContain('hunter2');
  };
  const apply = async (goal: string, url: string) => {
    const manifest = { apiVersion: 'sweagent.dev/v1alpha1', kind: 'AgentSession', metadata: { name: 'break-out' } };
    return system.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ ...manifest, spec: { goal, repository: { url } } }) });
  };

  withKubectl.each([
    ['ext::sh -c "touch /tmp/pwned"', 'transport helper "ext::"', 'must be https://host/path'],
    ['--upload-pack=touch /tmp/pwned', 'begins with a dash', 'must be https://host/path'],
    ['fd::17', 'transport helper "fd::"', 'must be https://host/path'],
    ['https://ada:hunter2-secret@example.com/r.git', 'has a credential in it', 'has a credential in it'],
  ])('%s is refused at both doors', async (url, words, ofObject) => {
    await refusedByRest(url, words);
    const { code, err } = await apply('Break out', url);
    expect(code).not.toBe(0);
    expect(err).toContain(`spec.repository.url: Invalid value: repository.url ${ofObject}`);
    expect(err).not.toContain('hunter2');
  });

  withKubectl('http to another machine is refused by REST, and fails the session of an object', async () => {
    const url = 'http://example.com/repository.git';
    await refusedByRest(url, 'use https');
    await apply(system.model.on('Break out by http'), url);
    const session = await system.until('break-out', 'the failure', ({ status }) => status === 'FAILED');
    expect(session.message).toContain('use https');
  });
});

describe('a private repository over https', () => {
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

describe('an unusual repository', () => {
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

  isolated('with symbolic links out of the tree leads nobody out', async () => {
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
            { name: 'bash', args: { command: 'cat kubeconfig state/kubeconfig; ls state/; echo changed > outside' } },
          ],
        },
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
