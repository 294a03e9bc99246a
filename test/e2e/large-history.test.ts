import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { makeLargeHistory } from '../support/large-repository.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, Gate, greet } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const MEGABYTES = 300;
const TOKEN = 'git-token-that-opens-0123456789';

let remotes: string;

beforeAll(async () => {
  remotes = mkdtempSync(join(tmpdir(), 'large-'));
  await makeLargeHistory(join(remotes, 'large.git'), MEGABYTES);
});
afterAll(() => rmSync(remotes, { recursive: true }));

describe.each(SANDBOX_KINDS)('a repository with a history of 300 MB, worked on in $name,', (kind) => {
  let housed: Housed;
  let system: System;
  let server: GitHttpServer;

  beforeAll(async () => {
    const tls = await loopbackCertificate();
    housed = await kind.start({
      prepare: async (folder) => {
        writeFileSync(join(folder, 'certificate.pem'), tls.cert);
        server = await startGitHttpServer({ root: remotes, tls, token: TOKEN });
        return { GIT_TOKEN: TOKEN, GIT_TOKEN_HOSTS: server.host, GIT_SSL_CAINFO: join(folder, 'certificate.pem') };
      },
    });
    ({ system } = housed);
  });
  afterEach(() => system.clear());
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await housed.close();
  });

  /** The most memory that the system ever had, in MB; where that is not known what it has now. */
  function memory(): number {
    const status = `/proc/${system.pid}/status`;
    const kilobytes = existsSync(status)
      ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(system.pid)], { encoding: 'utf8' });
    return Number(kilobytes) / 1024;
  }

  it('is answered for before anybody looked at it, and nothing but its last commit is fetched', async () => {
    const reading = new Gate();
    server.options.pause = () => reading.pass();
    const goal = system.model.on('Greet at the end of a long history', {
      work: [bash('git rev-parse --is-shallow-repository && git rev-list --count --all && du -sm .. | cut -f1'), ...greet],
    });
    // Nothing is sent of it before the gate opens.
    const id = await system.session(goal, `${server.url}/large.git`);
    await reading.reached();
    const begun = await system.view(id);
    expect(begun).toMatchObject({ status: 'RUNNING', phase: 'Provisioning' });
    expect(begun.logs.at(-1)).toBe('Cloning repo...');
    expect(server.seen.reduce((sum, { bytesSent }) => sum + bytesSent, 0)).toBe(0);
    reading.open();
    const done = await system.completed(id);
    expect(done.result).toMatchObject({ pushed: true, verified: true });
    const [shallow, commits, megabytes] = (system.model.results(goal)[0] ?? '').split('\n');
    expect([shallow, commits]).toEqual(['true', '1']);
    expect(Number(megabytes)).toBeLessThan(5);
    expect(server.seen.reduce((sum, { bytesSent }) => sum + bytesSent, 0)).toBeLessThan(100_000);
  });

  it('is there to the depth that was asked for, and the system holds only pieces of it', async () => {
    const goal = system.model.on('Greet in the middle of a long history', {
      work: [bash('git rev-list --count --all; git log -1 --format=%s HEAD~150; git cat-file -s HEAD~150:noise.bin'), ...greet],
    });
    const before = memory();
    const done = await system.completed(await system.session(goal, join(remotes, 'large.git'), { depth: 181 }));
    expect(done.result).toMatchObject({ pushed: true, verified: true, files_changed: 1 });
    expect(system.model.results(goal)[0]).toMatch(/^181\nMegabyte 151\n1000000\n/);
    // What was sent is 180 MB.
    expect(memory() - before).toBeLessThan(110);
  });
});
