/**
 * The operator's end of a sandbox: one exec that carries the conversation with the runner and all files, so that a step
 * costs no new exec. Its other end is link.sh.
 *
 * Invariant: requests about files are answered in the order in which they were sent, so that bytes need no names.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecSession } from '../../kube/exec.ts';
import { withDeadline } from '../deadline.ts';
import { encodeRequest, RUNNER_SCRIPT } from '../protocol.ts';
import { type Channel, ChannelClosedError } from '../transport.ts';

const LINK_SCRIPT = readFileSync(join(import.meta.dirname, 'link.sh'), 'utf8');
/** Reads the script from stdin: it would make the URL too long for some proxies, and fill the audit log. */
const BOOTSTRAP = `s=; while IFS= read -r l && [ "$l" != "$0" ]; do s="$s$l
"; done; eval "$s"`;
/** A line longer than this does not come from a runner. */
const MAX_LINE = 1024 * 1024;
const ATTACH_MS = 15_000;
/** For one request of at most a chunk; those before it in the row included. */
const ANSWER_MS = 60_000;

export type LinkReply = { word: string; rest: string; bytes: Buffer };

type Waiting = { id: string; raw: boolean; resolve: (reply: LinkReply) => void };

/** The command that an exec has to run for a link. */
export function linkCommand(root: string): { command: string[]; mark: string } {
  const mark = randomBytes(16).toString('hex');
  return { command: ['/bin/sh', '-c', BOOTSTRAP, mark, root, mark], mark };
}

export class PodLink {
  readonly #session: ExecSession;
  readonly #mark: Buffer;
  readonly #waiting: Waiting[] = [];
  readonly #rejects = new Set<(error: Error) => void>();
  #lastId = 0;
  #answer: Buffer[] = [];
  #answerBytes = 0;
  /** The reply whose bytes are being read. */
  #reading: { word: string; rest: string } | undefined;
  #rest = '';
  #channel: LinkChannel | undefined;
  #onLine: ((line: string) => void) | undefined;
  #ended = false;

  /** @param mark the one of the command that the session runs */
  constructor(session: ExecSession, mark: string) {
    this.#session = session;
    this.#mark = Buffer.from(`${mark}\n`);
    session.stdout.setEncoding('utf8');
    session.stdout.on('data', (text: string) => this.#takeText(text));
    session.stderr.on('data', (bytes: Buffer) => this.#takeAnswer(bytes));
    void session.outcome.then(() => this.#end());
    session.write(Buffer.from(`${LINK_SCRIPT}\n${mark}\n`)).catch(() => this.#end());
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** Whether a conversation with the runner goes through it, or did. */
  get attached(): boolean {
    return this.#channel !== undefined;
  }

  /**
   * Attaches to the runner, which is started when there is none.
   * @throws ChannelClosedError | the signal's reason
   */
  async attach(signal: AbortSignal): Promise<Channel> {
    const name = randomBytes(8).toString('hex');
    const channel = new LinkChannel(
      (line) => this.#write(`${line}\n`),
      () => this.close(),
    );
    this.#channel = channel;
    const greeted = Promise.withResolvers<void>();
    this.#onLine = (line) => {
      if (line === 'N') this.#write(`${RUNNER_SCRIPT}E ${name}\n`).catch(greeted.reject);
      if (line !== `C ${name}`) return;
      this.#onLine = (text) => (text === 'X' ? this.close() : channel.take(text));
      greeted.resolve();
    };
    try {
      await this.#lasting(async (lost) => {
        lost.catch(greeted.reject);
        this.#write(`A ${name} ${Buffer.byteLength(RUNNER_SCRIPT)}\n`).catch(greeted.reject);
        await withDeadline(greeted.promise, {
          signal,
          ms: ATTACH_MS,
          late: () => new ChannelClosedError(`the runner in the Pod did not answer within ${ATTACH_MS / 1000} s`),
        });
      });
      return channel;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Sends a request about files and waits for its answer.
   * @param body bytes that follow the request
   * @throws ChannelClosedError when the connection was lost | RangeError for a field that cannot be sent
   */
  async request(verb: string, fields: readonly string[], body?: Uint8Array): Promise<LinkReply> {
    const id = ++this.#lastId;
    const line = encodeFileRequest(id, verb, fields);
    return this.#lasting(async (lost) => {
      const answered = Promise.withResolvers<LinkReply>();
      lost.catch(answered.reject);
      this.#waiting.push({ id: String(id), raw: verb === 'get', resolve: answered.resolve });
      this.#write(line, body).catch(answered.reject);
      return withDeadline(answered.promise, {
        ms: ANSWER_MS,
        late: () => {
          // What comes after it could not be told from what it still may say.
          this.close();
          return new ChannelClosedError(`the Pod did not answer a ${verb} request within ${ANSWER_MS / 1000} s`);
        },
      });
    });
  }

  close(): void {
    this.#session.close();
    this.#end();
  }

  /** Does something that fails when the link is lost meanwhile. */
  async #lasting<T>(work: (lost: Promise<never>) => Promise<T>): Promise<T> {
    if (this.#ended) throw lostLink();
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.#rejects.add(reject);
    try {
      return await work(promise);
    } finally {
      this.#rejects.delete(reject);
    }
  }

  async #write(line: string, body?: Uint8Array): Promise<void> {
    try {
      const head = Buffer.from(line);
      await this.#session.write(body ? Buffer.concat([head, body]) : head);
    } catch (error) {
      // Part of it may have arrived: nothing more can be said over this one.
      this.close();
      throw new ChannelClosedError('the connection to the Pod was lost', { cause: error });
    }
  }

  #takeText(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) if (line !== '') this.#onLine?.(line);
    if (this.#rest.length > MAX_LINE) this.close();
  }

  #takeAnswer(bytes: Buffer): void {
    this.#answer.push(bytes);
    this.#answerBytes += bytes.length;
    // Joined once there is a chance that it is whole, so that a long answer is not copied again and again.
    while (this.#answerBytes > 0 && this.#takeReply()) if (this.#ended) return;
  }

  /** Takes one reply, or the line before its bytes; false when more has to come. */
  #takeReply(): boolean {
    const last = this.#answer.at(-1);
    if (!last) return false;
    if (this.#reading) {
      // The mark may lie across two pieces.
      const tail = Buffer.concat(this.#answer.slice(-2));
      const previous = this.#answer.length > 1 && last.length < this.#mark.length;
      if (tail.indexOf(this.#mark) < 0 && !previous) return false;
      const all = this.#join();
      const at = all.indexOf(this.#mark);
      if (at < 0) return false;
      const reply = { ...this.#reading, bytes: all.subarray(0, at) };
      this.#reading = undefined;
      this.#keep(all.subarray(at + this.#mark.length));
      this.#waiting.shift()?.resolve(reply);
      return true;
    }
    const all = this.#join();
    const at = all.indexOf('\n');
    if (at < 0) return false;
    const [id, word = '', ...rest] = all.subarray(0, at).toString('utf8').split(' ');
    this.#keep(all.subarray(at + 1));
    const waiting = this.#waiting[0];
    if (!waiting || waiting.id !== id) {
      // Answers and questions no longer fit together: a new link begins anew.
      this.close();
      return false;
    }
    if (waiting.raw && word === 'ok') this.#reading = { word, rest: rest.join(' ') };
    else this.#waiting.shift()?.resolve({ word, rest: rest.join(' '), bytes: Buffer.alloc(0) });
    return true;
  }

  #join(): Buffer {
    const all = this.#answer.length === 1 ? (this.#answer[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#answer);
    this.#answer = [all];
    return all;
  }

  #keep(rest: Buffer): void {
    this.#answer = rest.length > 0 ? [rest] : [];
    this.#answerBytes = rest.length;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#session.close();
    const error = lostLink();
    for (const reject of this.#rejects) reject(error);
    this.#waiting.length = 0;
    this.#channel?.end();
  }
}

class LinkChannel implements Channel {
  readonly #send: (line: string) => Promise<void>;
  readonly #close: () => void;
  readonly #received: string[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(send: (line: string) => Promise<void>, close: () => void) {
    this.#send = send;
    this.#close = close;
  }

  async send(line: string): Promise<void> {
    if (this.#ended) throw new ChannelClosedError('the channel is closed');
    await this.#send(line);
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
    this.#close();
  }

  take(line: string): void {
    this.#received.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

/** F US ID US VERB US FIELD… US "." with newlines as RS. */
function encodeFileRequest(id: number, verb: string, fields: readonly string[]): string {
  // The form of the runner's requests, with an F where those have an epoch behind their number.
  const line = encodeRequest(id, 0, verb, fields);
  if (line === undefined) throw new RangeError(`a field of a ${verb} request holds a character that cannot be sent`);
  const [number, , ...rest] = line.split('\x1f');
  return `${['F', number, ...rest].join('\x1f')}\n`;
}

function lostLink(): ChannelClosedError {
  return new ChannelClosedError('the connection to the Pod was lost');
}
