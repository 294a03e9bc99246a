import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { fold } from '../../operator/engine/fold.ts';
import { git, makeRepository, startEngine } from '../support/engine.ts';
import type { ProcessOptions } from '../support/engine-process.ts';
import { type ModelServer, startModelServer } from '../support/model-server.ts';
import { redisLog } from '../support/redis-logs.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWithRedis } from '../support/requirements.ts';
import { bash, greet, ScriptedSessions } from '../support/scripted-sessions.ts';

const root = join(import.meta.dirname, '../..');

describeWithRedis()('a session whose log is in Redis', () => {
  let redis: RedisServer;
  let folder: string;
  let server: ModelServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'swe-redis-session-'));
    const model = new ScriptedSessions();
    const counted = (number: number) => bash(`echo ${number} >> '${join(folder, 'counts')}'`);
    model.on('Say hello', { work: [counted(1), counted(2), ...greet] });
    server = await startModelServer((request) => model.answer(request));
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  // A sample of those that are tried with a log in a file.
  it.each([
    { write: 2, when: 'before' },
    { write: 6, when: 'after' },
    { write: 10, when: 'before' },
    { write: 14, when: 'after' },
  ] as const)('goes on where its operator was killed, with no command run twice: $when write $write', async (crash) => {
    const repository = makeRepository(join(folder, 'repository'), { 'README.md': 'Greets.\n' });
    const where = { url: redis.url(), prefix: `t-${randomUUID()}` };
    const options: ProcessOptions = { folder: join(folder, 'state'), baseUrl: server.baseUrl, repository, crash, redis: where };
    const script = join(root, 'test/support/engine-process.ts');
    const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');

    const log = await redisLog(where);
    const engine = await startEngine({ baseUrl: server.baseUrl, folder: options.folder, holder: 'test', wrapLog: () => log });
    try {
      engine.apply('crash', { goal: 'Say hello', repository: { url: repository } });
      await engine.until('crash', (state) => state.finished !== undefined);
      const state = fold(await log.read('uid-crash', 0));
      expect(state.finished?.reason).toBe('Verified');
      expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\n');
      expect(readFileSync(join(folder, 'counts'), 'utf8')).toBe('1\n2\n');
    } finally {
      await engine[Symbol.asyncDispose]();
      await log.close();
    }
  });
});
