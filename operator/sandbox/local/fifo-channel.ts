/** A channel over two FIFOs in the sandbox's folder. The runner behind it outlives the operator, which is why they are not pipes. */
import { constants as c, closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { pause } from '../deadline.ts';
import { type Channel, ChannelClosedError } from '../transport.ts';
import type { Tree } from './tree.ts';

/** A line longer than this does not come from a runner. */
const MAX_LINE = 1024 * 1024;
const ANSWER_MS = 3000;

export class FifoChannel implements Channel {
  readonly #in: Socket;
  readonly #out: Socket;
  readonly #received: string[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #rest = '';

  /**
   * Connects to the runner of the folder; undefined when none is there or it does not answer.
   * @param name letters and digits, new for each connection.
   */
  static async connect(tree: Tree, name: string, signal: AbortSignal): Promise<FifoChannel | undefined> {
    const input = tree.openFifo(`${tree.root}/.run/in.1`, c.O_WRONLY);
    if (input === undefined) return undefined;
    const sender = socket(input, 'writable');
    // The line break ends what a crashed predecessor may have left unfinished.
    sender.write(`\nC ${name}\n`);
    const deadline = performance.now() + ANSWER_MS;
    try {
      for (let delay = 1; performance.now() < deadline && !sender.destroyed; delay = Math.min(delay * 2, 50)) {
        await pause(delay, signal);
        const output = tree.openFifo(`${tree.root}/.run/out.${name}`, c.O_RDONLY);
        if (output === undefined) continue;
        const channel = new FifoChannel(sender, socket(output, 'readable'));
        if (await channel.#greeted(name, deadline, signal)) return channel;
        await channel.close();
        return undefined;
      }
    } catch (error) {
      sender.destroy();
      throw error;
    }
    sender.destroy();
    return undefined;
  }

  private constructor(input: Socket, output: Socket) {
    this.#in = input;
    this.#out = output;
    output.setEncoding('utf8');
    output.on('data', (text: string) => this.#take(text));
    // What the runner still said before it ended comes first; that its other end is closed shows when something is sent.
    output.on('close', () => this.#end());
  }

  async send(line: string): Promise<void> {
    if (this.#ended) throw new ChannelClosedError('the channel is closed');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#in.write(`${line}\n`, (error) => {
      if (error) reject(new ChannelClosedError('the runner is gone', { cause: error }));
      else resolve();
    });
    try {
      await promise;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const line = this.#received.shift();
      if (line !== undefined) {
        yield line;
        continue;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#end();
  }

  async #greeted(name: string, deadline: number, signal: AbortSignal): Promise<boolean> {
    while (this.#received.length === 0) {
      if (this.#ended || performance.now() > deadline) return false;
      await pause(1, signal);
    }
    return this.#received.shift() === `C ${name}`;
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    this.#received.push(...parts);
    if (this.#rest.length > MAX_LINE) this.#end();
    if (parts.length > 0) this.#wake?.();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#in.destroy();
    this.#out.destroy();
    this.#wake?.();
  }
}

function socket(fd: number, direction: 'readable' | 'writable'): Socket {
  let made: Socket;
  try {
    made = new Socket({ fd, readable: direction === 'readable', writable: direction === 'writable' });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  // An error is always followed by close, which is what counts.
  made.on('error', () => {});
  return made;
}
