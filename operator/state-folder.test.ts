import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StateFolder, StateFolderError } from './state-folder.ts';

describe('The state folder', () => {
  let parent: string;
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'state-'));
    folder = join(parent, 'deep', '.swe-agent');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child);
    rmSync(parent, { recursive: true });
  });

  /** Starts a process that opens the folder and lives on; resolves once it has. */
  async function holder(): Promise<ChildProcess> {
    const script = `import { StateFolder } from ${JSON.stringify(join(import.meta.dirname, 'state-folder.ts'))};
      StateFolder.open(${JSON.stringify(folder)}); gc(); console.log('open'); process.stdin.resume();`;
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  it('is made for its user only, and gives paths inside it', () => {
    using state = StateFolder.open(folder);
    expect(state.path).toBe(folder);
    expect(state.file('events.db')).toBe(join(folder, 'events.db'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('is closed to others when it was open to them', () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    using _ = StateFolder.open(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('belongs to one process, and the second is told the folder and the pid of the first', async () => {
    const first = await holder();
    expect(() => StateFolder.open(folder)).toThrow(StateFolderError);
    expect(() => StateFolder.open(folder)).toThrow(`the state folder ${folder} is in use by another process (pid ${first.pid})`);
  });

  it('cannot be opened twice in one process either', () => {
    using _ = StateFolder.open(folder);
    expect(() => StateFolder.open(folder)).toThrow(`pid ${process.pid}`);
  });

  it('is free as soon as its holder was killed', async () => {
    const first = await holder();
    await end(first);
    using state = StateFolder.open(folder);
    expect(state.path).toBe(folder);
  });

  it('is free again once it is closed, and leaves no trace of a holder', () => {
    const state = StateFolder.open(folder);
    state.close();
    state.close();
    expect(readdirSync(folder)).toEqual(['lock.db']);
    using _ = StateFolder.open(folder);
  });

  it('says what to do when a file is in its place', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(() => StateFolder.open(join(parent, 'file'))).toThrow(/cannot be used .*SWE_AGENT_STATE_DIR/);
  });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
