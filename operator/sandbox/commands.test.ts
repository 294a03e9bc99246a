import { expect, it } from '@jest/globals';
import { patience } from '../../test/support/eventually.ts';
import { openSandbox } from './commands.ts';
import type { Channel, SandboxHandle } from './transport.ts';

/** A sandbox whose first command ends only when it is killed, of which its runner tells by itself no sooner than it starts the next. */
class LateNews implements Channel {
  readonly #lines: string[] = [];
  #wake: () => void = () => undefined;
  readonly #ops: string[];
  #closed = false;
  #late: string | undefined;
  #commands = 0;

  /** @param ops gets the ids of what was run */
  constructor(ops: string[]) {
    this.#ops = ops;
  }

  async send(line: string): Promise<void> {
    const [id, , verb, op] = line.split('\x1f');
    if (verb === 'hello') this.#say(`${id} ok ,git,`);
    if (verb === 'kill') this.#say(`${id} ok sent`);
    if (verb === 'attach') this.#say(`${id} exited 143 timeout 1.00 2.00`);
    if (verb !== 'run') return;
    this.#ops.push(op ?? '');
    this.#say(`${id} ok`);
    if (this.#commands++ === 0) this.#late = `! exit ${op} 143 timeout 1.00 2.00`;
    else this.#say(this.#late ?? '', `! exit ${op} 7 - 2.00 3.00`);
  }

  async *lines(): AsyncGenerator<string> {
    while (!this.#closed) {
      const line = this.#lines.shift();
      if (line !== undefined) yield line;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
  }

  #say(...lines: string[]): void {
    this.#lines.push(...lines);
    this.#wake();
  }
}

function sandboxOf(ops: string[]): SandboxHandle {
  return {
    identity: { type: 'local', name: 's', uid: 'u' },
    isolation: { isolated: false, method: 'none', message: '' },
    root: '/s',
    open: async () => new LateNews(ops),
    put: async () => undefined,
    get: async () => new Uint8Array(),
    stat: async () => undefined,
  };
}

it('a query does not end with what is told late of the one before it', async () => {
  const sandbox = await openSandbox(sandboxOf([]), { epoch: 1, signal: patience() });
  await expect(sandbox.query('sleep 1000', { timeoutSeconds: 0.01, signal: patience() })).rejects.toThrow(/timeout/);
  for (const _ of [1, 2]) expect((await sandbox.query('exit 7', { signal: patience() })).exitCode).toBe(7);
  await sandbox.close();
});

it('a query never has the id of one that may still run for an earlier connection of the same owner', async () => {
  const ops: string[] = [];
  for (const _ of [1, 2]) {
    const sandbox = await openSandbox(sandboxOf(ops), { epoch: 1, signal: patience() });
    await expect(sandbox.query('sleep 1000', { timeoutSeconds: 0.01, signal: patience() })).rejects.toThrow(/timeout/);
    await sandbox.close();
  }
  expect(new Set(ops).size).toBe(2);
});

it('a sandbox that nobody waits for any more while it is connected to is let go', async () => {
  const gone = new AbortController();
  let connecting: AbortSignal | undefined;
  const handle: SandboxHandle = {
    ...sandboxOf([]),
    open: (signal) => {
      connecting = signal;
      setImmediate(() => gone.abort(new Error('the user cancelled')));
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    },
  };
  await expect(openSandbox(handle, { epoch: 1, signal: gone.signal })).rejects.toThrow('the user cancelled');
  expect(connecting?.aborted).toBe(true);
});
