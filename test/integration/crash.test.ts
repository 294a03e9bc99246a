import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fold } from '../../operator/engine/fold.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import { CHECKED, type CrashModel, crashModel } from '../support/crash-model.ts';
import { type Engine, git, makeRepository, startEngine } from '../support/engine.ts';
import type { ProcessOptions } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';
import { type ModelServer, startModelServer } from '../support/model-server.ts';

const root = join(import.meta.dirname, '../..');
const UID = 'uid-crash';
/** What greeting.txt and the commit on top of the first one must come to, whatever happened on the way. */
const GREETING = 'hello, hello\n';

let folder: string;
let repository: string;
let counts: string;
let checks: string;
let server: ModelServer;
let model: CrashModel;
let engines: Engine[];
let children: ChildProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-crash-'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': 'Greets.\n' });
  counts = join(folder, 'counts');
  checks = join(folder, 'checks');
  model = crashModel(counts, checks);
  server = await startModelServer((request) => model.answer(request));
  engines = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  for (const engine of engines) await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function launch(options: Partial<ProcessOptions>): { child: ChildProcess; ended: Promise<string> } {
  const all = { folder: join(folder, 'state'), baseUrl: server.baseUrl, repository, ...options };
  const script = join(root, 'test/support/engine-process.ts');
  const child = spawn('sh', [join(root, 'scripts/node'), script, JSON.stringify(all)], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const said: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? `${code} ${said.join('')}`)),
  );
  return { child, ended };
}

/** Waits until the programmer's first command runs; the planner's was the one before. */
function secondCommand(): Promise<true> {
  return eventually('the second command', () => existsSync(counts) && readFileSync(counts, 'utf8').split('\n').length >= 3);
}

/** Takes the session up again in this process and goes on to its end. */
async function goOn(): Promise<void> {
  const engine = await startEngine({ baseUrl: server.baseUrl, folder: join(folder, 'state') });
  engines.push(engine);
  engine.apply('crash', { goal: 'Say hello', repository: { url: repository } });
  await engine.until('crash', (state) => state.finished !== undefined);
}

/** What must hold whatever was killed when. The sandbox's own count is compared with the log's. */
async function problems(): Promise<string[]> {
  const log = engines.at(-1)?.deps.log ?? new SqliteEventLog({ path: join(folder, 'state/events.db'), exclusive: true });
  const found: string[] = [];
  const events = await log.read(UID, 0);
  try {
    const state = fold(events);
    if (state.finished?.reason !== 'Verified') found.push(`the session ended ${state.finished?.reason}`);
    const branch = state.published?.branch ?? '';
    if (git(repository, 'show', `${branch}:greeting.txt`) !== GREETING) found.push('the branch holds something else');
    if (state.compared?.fail !== 'yes') found.push(`of the tests without the change is said: ${state.compared?.message}`);
    if (git(repository, 'rev-list', '--count', `main..${branch}`).trim() !== '1') found.push('the branch has not one commit');
  } catch (error) {
    found.push(String(error));
  }
  const ran = readFileSync(counts, 'utf8').trim().split('\n');
  for (const number of new Set(ran)) {
    const times = ran.filter((one) => one === number).length;
    if (times !== 1) found.push(`command ${number} ran ${times} times`);
  }
  const checked = readFileSync(checks, 'utf8').trim().split('\n').sort();
  if (String(checked) !== String(CHECKED)) found.push(`the check ran on: ${checked.join(', ')}`);
  const left = readdirSync(join(folder, 'state/workspace/crash/repo')).filter((name) => name !== '.git');
  if (left.sort().join(' ') !== CHECKED[1]) found.push(`the worktree holds ${left.join(', ')}`);
  const answered = events.flatMap((event) => (event.type === 'model.answered' ? event.calls : []));
  const started = new Set(events.flatMap((event) => (event.type === 'tool.started' ? [event.callId] : [])));
  const numberOf = (call: (typeof answered)[number]) =>
    /echo (\d+) >>/.exec(typeof call.arguments === 'string' ? call.arguments : '')?.[1];
  const known = new Set(answered.filter((call) => started.has(call.id)).map(numberOf));
  for (const number of new Set(ran))
    if (!known.has(number)) found.push(`command ${number} ran, but the log knows of no such command`);
  const finished = new Set(
    events.flatMap((event) => (event.type === 'tool.finished' && event.outcome === 'ok' ? [event.callId] : [])),
  );
  for (const call of answered.filter((one) => finished.has(one.id))) {
    const number = numberOf(call);
    if (number !== undefined && !ran.includes(number))
      found.push(`command ${number} is said to have succeeded, but it never ran`);
  }
  return found;
}

describe('a session whose operator is killed', () => {
  it('ends the same, and every command ran once, whichever write it is killed at', async () => {
    let write = 0;
    for (let finished = false; !finished; ) {
      write++;
      for (const when of ['before', 'after'] as const) {
        rmSync(join(folder, 'state'), { recursive: true, force: true });
        rmSync(counts, { force: true });
        rmSync(checks, { force: true });
        const end = await launch({ crash: { write, when } }).ended;
        finished = end !== 'SIGKILL';
        if (finished) {
          expect(end).toBe('0 done\n');
          break;
        }
        await goOn();
        expect({ write, when, problems: await problems() }).toEqual({ write, when, problems: [] });
        const branches = git(repository, 'branch', '--format=%(refname:short)', '--list', 'swe-agent/*').trim().split('\n');
        expect(branches).toHaveLength(1);
        git(repository, 'branch', '-D', '-q', ...branches);
        await engines.pop()?.[Symbol.asyncDispose]();
      }
    }
    // Fewer writes than this would mean that the loop ended before it saw anything.
    expect(write).toBeGreaterThan(20);
  }, 1_200_000);

  it('attaches to the command that was running and gets its whole output', async () => {
    const release = model.holdCommand();
    const { child, ended } = launch({});
    await secondCommand();
    child.kill('SIGKILL');
    await ended;
    release();
    await goOn();
    expect(await problems()).toEqual([]);
    const events = (await engines[0]?.deps.log.read(UID, 0)) ?? [];
    const outputs = events.flatMap((event) => (event.type === 'tool.finished' && event.name === 'bash' ? [event.result] : []));
    expect(outputs.some((text) => typeof text === 'string' && text.includes('begun'))).toBe(true);
    expect(events.some((event) => event.type === 'tool.finished' && event.outcome === 'lost')).toBe(false);
  });

  it('is left alone by an owner that slept through losing its claim in the middle of a command', async () => {
    const release = model.holdCommand();
    const { child, ended } = launch({});
    await secondCommand();
    child.kill('SIGSTOP');
    release();
    await goOn();
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
    expect(await problems()).toEqual([]);
  });

  it('is left alone by an owner that slept through losing its claim while the model was thinking', async () => {
    const { asked, release } = model.hold();
    const { child, ended } = launch({});
    await asked;
    child.kill('SIGSTOP');
    await goOn();
    child.kill('SIGCONT');
    release();
    // It notices when it tries to write the answer down.
    expect(await ended).toBe('0 lost\n');
    expect(await problems()).toEqual([]);
  });
});

describe('the checks above', () => {
  it('fail when commands begin before their intent is on disk', async () => {
    // Killed in the middle of a command, the operator cannot have written its intent with its result.
    const release = model.holdCommand();
    const { child, ended } = launch({ mutant: 'no-intents' });
    await secondCommand();
    child.kill('SIGKILL');
    await ended;
    release();
    await goOn();
    expect(await problems()).toContainEqual(expect.stringContaining('the log knows of no such command'));
  });

  it('fail when the log takes writes of an owner that lost its claim', async () => {
    const { asked, release } = model.hold();
    const { child, ended } = launch({ mutant: 'no-epoch-check' });
    await asked;
    child.kill('SIGSTOP');
    await goOn();
    const log = engines[0]?.deps.log;
    const before = (await log?.head(UID))?.lastSeq ?? 0;
    child.kill('SIGCONT');
    release();
    await eventually('a write of the old owner', async () => ((await log?.head(UID))?.lastSeq ?? 0) > before);
    child.kill('SIGKILL');
    await ended;
    expect(await problems()).not.toEqual([]);
  });
});
