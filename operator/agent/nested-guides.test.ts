/** Which instructions of folders a role is given, when, and that it keeps them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelReply, type ModelServer, type SeenRequest, startModelServer } from '../../test/support/model-server.ts';
import { bash, CHECK, finish, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';
import { guidesTouched, nestedGuides } from './nested-guides.ts';

describe('a call', () => {
  const guides = ['docs/AGENTS.md', 'drivers/AGENTS.md', 'drivers/usb/AGENTS.md', 'test/AGENTS.md'];
  const touched = (name: string, args: Record<string, unknown>, wrote?: string[]) =>
    guidesTouched(guides, { name, args, wrote }, '/w/repo');

  it.each<[string, string, Record<string, unknown>, string[]]>([
    ['reads a file below a folder', 'read_file', { path: 'drivers/uart.c' }, ['drivers/AGENTS.md']],
    ['reads one further down', 'read_file', { path: './drivers/usb/hub.c' }, ['drivers/AGENTS.md', 'drivers/usb/AGENTS.md']],
    ['names it absolutely', 'read_file', { path: '/w/repo/docs/a.md' }, ['docs/AGENTS.md']],
    ['searches in the folder', 'search', { pattern: 'x', path: 'drivers' }, ['drivers/AGENTS.md']],
    ['searches everywhere', 'search', { pattern: 'x' }, []],
    ['lists the folder', 'list_files', { path: 'test/' }, ['test/AGENTS.md']],
    ['names a folder that only begins alike', 'read_file', { path: 'drivers2/uart.c' }, []],
    ['names a file elsewhere', 'read_file', { path: '/etc/drivers/uart.c' }, []],
    ['patches a file', 'apply_patch', { patch: '*** Begin Patch\n*** Update File: docs/a.md\n' }, ['docs/AGENTS.md']],
    ['prints a file', 'bash', { command: 'cat drivers/uart.c' }, ['drivers/AGENTS.md']],
    ['prints one by its absolute path', 'bash', { command: 'sed -n 1,9p "/w/repo/docs/a.md"' }, ['docs/AGENTS.md']],
    ['goes there', 'bash', { command: 'cd test && ls' }, ['test/AGENTS.md']],
    ['goes further down', 'bash', { command: 'cd ./drivers/usb; ls' }, ['drivers/AGENTS.md', 'drivers/usb/AGENTS.md']],
    ['uses the same word for something else', 'bash', { command: 'npm test && docs --help' }, []],
    ['names a folder of the same name elsewhere', 'bash', { command: 'ls vendor/drivers/usb ../docs/a' }, []],
    ['has arguments that make no sense', 'bash', { command: 7 }, []],
  ])('that %s is about the folders it names', (_what, name, args, expected) => {
    expect(touched(name, args)).toEqual(expected);
  });

  it('that wrote files is about their folders, whatever its arguments say', () => {
    expect(touched('write_file', {}, ['docs/new.md'])).toEqual(['docs/AGENTS.md']);
  });
});

it('Instructions of outer folders come before those of inner ones', () => {
  expect(nestedGuides(['AGENTS.md', 'b/c/AGENTS.md', 'b/AGENTS.md', 'a/notAGENTS.md', 'z/AGENTS.md'])).toEqual([
    'b/AGENTS.md',
    'z/AGENTS.md',
    'b/c/AGENTS.md',
  ]);
});

describe('a role', () => {
  let folder: string;
  let repository: string;
  let server: ModelServer;
  const model = new ScriptedSessions();
  const engines: Engine[] = [];
  const USB = 'Name every endpoint in hexadecimal.';
  const DRIVERS = 'Registers are written through poke().';
  const DOCS = 'One sentence a line.';
  const MANY = 'Indent with tabs.\n'.repeat(1_000);
  const LONG = `Begin. ${'é'.repeat(20_000)}`;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'swe-guides-'));
    mkdirSync(join(folder, 'repository'));
    repository = makeRepository(join(folder, 'repository'), {
      'AGENTS.md': 'Be kind.\n',
      'drivers/AGENTS.md': `${DRIVERS}\n`,
      'drivers/uart.c': 'int uart;\n',
      'drivers/usb/AGENTS.md': `${USB}\n`,
      'drivers/usb/hub.c': 'int hub;\n',
      'docs/AGENTS.md': `${DOCS}\n`,
      'docs/a.md': 'A.\n',
      'long/AGENTS.md': LONG,
      'long/many/AGENTS.md': MANY,
      'long/a.c': 'int a;\n',
    });
    server = await startModelServer((request) => model.answer(request));
  });

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine[Symbol.asyncDispose]();
  });

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (...paths: string[]): ModelReply => ({ calls: paths.map((path) => ({ name: 'read_file', args: { path } })) });

  async function completes(goal: string, plans: ModelReply[], work: ModelReply[]) {
    const engine = await startEngine({ baseUrl: server.baseUrl });
    engines.push(engine);
    const name = goal.replaceAll(' ', '-').toLowerCase();
    model.on(goal, { plan: [...plans, plan('Greet', [CHECK])], work });
    engine.apply(name, { goal, repository: { url: repository } });
    const state = await engine.until(name, (now) => now.finished !== undefined);
    expect(state.phase).toBe('Completed');
    const of = (tool: string) => model.requests(goal).filter((request) => request.tools.includes(tool));
    return { planner: of('submit_plan'), programmer: of('finish'), reviewer: of('submit_review') };
  }

  /** How often the words stand in all that is sent. */
  const times = (words: string, request: SeenRequest | undefined) =>
    [request?.system ?? '', ...(request?.messages ?? []).map(({ text }) => text)].join('\n').split(words).length - 1;

  it('is given those of a folder once, when it first looks into it, after all results of its answer', async () => {
    const { planner, programmer } = await completes(
      'Read drivers',
      [read('drivers/usb/hub.c', 'drivers/uart.c'), bash('cat drivers/uart.c')],
      [write('greeting.txt', 'hello\n'), finish()],
    );
    expect(planner.map((request) => [times(DRIVERS, request), times(USB, request), times(DOCS, request)])).toEqual([
      [0, 0, 0],
      [1, 1, 0],
      [1, 1, 0],
    ]);
    expect(planner[1]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
    expect(planner[0]?.system).toContain('docs/AGENTS.md, drivers/AGENTS.md, long/AGENTS.md, drivers/usb/AGENTS.md');
    // Another role begins anew: it looked nowhere.
    expect(times(DRIVERS, programmer.at(-1))).toBe(0);
  });

  it('is given them when it only writes there, and the reviewer knows those of what was changed', async () => {
    const { programmer, reviewer } = await completes(
      'Write drivers',
      [],
      [
        { calls: [...(write('greeting.txt', 'hello\n').calls ?? []), ...(write('drivers/usb/new.c', 'int n;\n').calls ?? [])] },
        finish(),
      ],
    );
    expect(times(USB, programmer[1])).toBe(1);
    expect(times(USB, reviewer[0])).toBe(1);
    expect(times(DRIVERS, reviewer[0])).toBe(1);
    expect(times(DOCS, reviewer[0])).toBe(0);
    expect(reviewer[0]?.system).toContain('docs/AGENTS.md, long/AGENTS.md');
  });

  it('is given them once when it reads them itself, unless it read more than it would be given', async () => {
    const { planner } = await completes(
      'Read instructions',
      [read('drivers/usb/AGENTS.md', 'drivers/AGENTS.md'), read('long/many/AGENTS.md')],
      [write('greeting.txt', 'hello\n'), finish()],
    );
    const [, after, later] = planner;
    expect([times(USB, after), times(DRIVERS, after)]).toEqual([1, 1]);
    const results = after?.messages.filter(({ role }) => role === 'tool').map(({ text }) => text);
    expect(results).toEqual(
      ['drivers/usb', 'drivers'].map(
        (name) => `${name}/AGENTS.md: you are given its text right after the results of these calls.`,
      ),
    );
    expect(later?.messages.findLast(({ role }) => role === 'tool')?.text).toContain('1000\tIndent with tabs.');
  });

  it('is given the beginning of long ones, whole characters only', async () => {
    const { planner } = await completes('Read much', [read('long/a.c')], [write('greeting.txt', 'hello\n'), finish()]);
    const note = planner[1]?.messages.at(-1)?.text ?? '';
    expect(note).toContain('Begin. ééé');
    expect(note).toContain('[cut; the rest is in long/AGENTS.md]');
    expect(note).not.toContain('\uFFFD');
    expect(Buffer.byteLength(note)).toBeLessThan(13 * 1024);
  });
});
