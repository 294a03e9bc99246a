/** Repositories that no session ever works on, which no sandbox has a part in. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { makeRepository } from '../support/git-repository.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type RestProblem, type RestSession, System } from '../support/system.ts';

const withKubectl = itWithKubectl();

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
      await makeRepository(join(folder, 'remotes/private.git'), [{ files }], { bare: true });
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
