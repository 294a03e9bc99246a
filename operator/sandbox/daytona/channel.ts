/**
 * A conversation with the runner of a sandbox through a session of the toolbox: lines in are input of a command, lines out
 * are its log. The log is followed over a WebSocket; where that is refused or falls silent, it is asked for again and again.
 *
 * Invariant: `seen` counts the characters of the log that were taken. Whoever follows it gets it from its start, so nothing is
 * lost or heard twice when a connection ends.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '@daytonaio/sdk';
import { pause, withDeadline } from '../deadline.ts';
import { RUNNER_SCRIPT } from '../protocol.ts';
import { quoteAll } from '../quote.ts';
import { type Channel, ChannelClosedError } from '../transport.ts';
import type { DaytonaClient } from './client.ts';
import { type Followed, type FollowOptions, followLog } from './follow.ts';
import { keepAlive } from './keep-alive.ts';
import { Outbox } from './outbox.ts';

const ATTACH_SCRIPT = readFileSync(join(import.meta.dirname, 'attach.sh'), 'utf8');
const ATTACH_MS = 18_000;
/** A log that is longer is left for a new one, in characters: each new connection, and each poll, sends all of it. */
const FOLLOWED_LENGTH = 1024 * 1024;
const POLLED_LENGTH = 64 * 1024;
const MAX_LINE = 1024 * 1024;
const POLL_MS = { least: 50, most: 1000 };
/** Requests may fail for so long before the conversation counts as lost. */
const LOST_MS = 20_000;

export type ChannelOptions = {
  client: DaytonaClient;
  sandbox: Sandbox;
  root: string;
  toolbox: string;
  tickSeconds: number;
  /** How often the service is told that the sandbox is in use, in ms. */
  aliveMs: number;
  /** How long a WebSocket may be silent, in ms; as in FollowOptions. */
  silenceMs?: NonNullable<FollowOptions['silenceMs']>;
  /** Whether following is not even tried; `refused` hears that it did not work. */
  polls: () => boolean;
  refused: () => void;
};

export class SessionChannel implements Channel {
  readonly #options: ChannelOptions;
  readonly #session: string;
  readonly #name = randomBytes(8).toString('hex');
  readonly #greeted = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #command = '';
  #seen = 0;
  #rest = '';
  #heardAt = 0;
  #saidAt = 0;
  readonly #received: string[] = [];
  #wake: (() => void) | undefined;
  readonly #outbox = new Outbox(
    (data) => this.#say(data),
    () => this.#end(),
  );
  #pollMs = POLL_MS.least;
  #polled: (() => void) | undefined;
  #alive: Disposable | undefined;
  #removed: Promise<void> | undefined;

  private constructor(options: ChannelOptions) {
    this.#options = options;
    this.#session = `swe-agent-${this.#name}`;
  }

  /**
   * Attaches to the runner, which is started when there is none.
   * @throws the SDK's errors | ChannelClosedError when the runner does not answer | the signal's reason
   */
  static async open(options: ChannelOptions, signal: AbortSignal): Promise<SessionChannel> {
    const channel = new SessionChannel(options);
    try {
      await channel.#start(signal);
      return channel;
    } catch (error) {
      channel.#end();
      throw error;
    }
  }

  send(line: string): Promise<void> {
    return this.#outbox.send(line);
  }

  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const line = this.#received.shift();
      if (line !== undefined) {
        yield line;
        continue;
      }
      if (this.#over.signal.aborted) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#end();
    await this.#removed;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { client, sandbox, root, toolbox, tickSeconds, aliveMs } = this.#options;
    const { process } = sandbox;
    const raw = { signal, raw: true };
    await client.call('open a session', () => process.createSession(this.#session), raw);
    const args = [root, this.#name, String(tickSeconds), sandbox.id, toolbox, RUNNER_SCRIPT];
    const command = `/bin/sh -c ${quoteAll([ATTACH_SCRIPT, 'swe-agent-attach', ...args])}`;
    const request = { command, runAsync: true, suppressInputEcho: true };
    const started = await client.call('start a command', () => process.executeSessionCommand(this.#session, request), raw);
    this.#command = started.cmdId;
    this.#heardAt = Date.now();
    void this.#listen();
    await withDeadline(this.#greeted.promise, {
      signal,
      ms: ATTACH_MS,
      late: () => new ChannelClosedError(`the runner in the sandbox did not answer within ${ATTACH_MS / 1000} s`),
    });
    this.#alive = keepAlive(client, sandbox, aliveMs, () => this.#end());
  }

  /** Takes the log as it grows, until the command ends. */
  async #listen(): Promise<void> {
    const over = this.#over.signal;
    let ended: Followed | undefined;
    try {
      for (;;) {
        const followed = this.#options.polls() ? 'heard' : await this.#follow();
        if (over.aborted || (await this.#hasEnded())) return;
        // Not before it is known that the sandbox can be reached otherwise. One that ended early may just have been cut.
        if (followed === 'silent' || (followed === 'ended' && ended === 'ended')) this.#options.refused();
        ended = followed;
        while (!over.aborted && this.#options.polls()) if (!(await this.#poll())) return;
      }
    } catch {
      // How a conversation ended says nothing about the commands; what matters is that it did.
    } finally {
      this.#end();
    }
  }

  /** Follows the log until the connection ends or falls silent. */
  #follow(): Promise<Followed> {
    const { sandbox, tickSeconds, silenceMs } = this.#options;
    let position = 0;
    return followLog({
      sandbox,
      session: this.#session,
      command: this.#command,
      tickSeconds,
      silenceMs,
      spoken: () => ({ heardAt: this.#heardAt, saidAt: this.#saidAt }),
      take: (text) => {
        const known = Math.max(0, Math.min(text.length, this.#seen - position));
        position += text.length;
        this.#take(text.slice(known));
        if (this.#seen > FOLLOWED_LENGTH) this.#end();
      },
      signal: this.#over.signal,
    });
  }

  /** Takes what is new in the log; false when it is over. */
  async #poll(): Promise<boolean> {
    const { client, sandbox } = this.#options;
    const ask = () => sandbox.process.getSessionCommandLogs(this.#session, this.#command);
    const log = await client.call('read a log', ask, { signal: this.#over.signal, ms: LOST_MS, repeatable: true, raw: true });
    // Half a line may end within a character.
    const text = log.stdout?.slice(this.#seen, log.stdout.lastIndexOf('\n') + 1) ?? '';
    if (text !== '') {
      this.#pollMs = POLL_MS.least;
      this.#take(text);
    } else if (await this.#hasEnded()) {
      return false;
    }
    if (this.#seen > POLLED_LENGTH) return false;
    await Promise.race([pause(this.#pollMs, this.#over.signal), new Promise<void>((resolve) => (this.#polled = resolve))]);
    this.#pollMs = Math.min(this.#pollMs * 1.5, POLL_MS.most);
    return true;
  }

  async #hasEnded(): Promise<boolean> {
    const { client, sandbox } = this.#options;
    const ask = () => sandbox.process.getSessionCommand(this.#session, this.#command);
    const options = { signal: this.#over.signal, ms: LOST_MS, repeatable: true, raw: true };
    return (await client.call('look at a command', ask, options)).exitCode !== undefined;
  }

  #take(text: string): void {
    if (text === '') return;
    this.#heardAt = Date.now();
    this.#seen += text.length;
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) {
      if (line === 'X') {
        this.#end();
        return;
      }
      if (line === `C ${this.#name}`) this.#greeted.resolve();
      else if (line !== '') this.#received.push(line);
    }
    this.#wake?.();
    if (this.#rest.length > MAX_LINE) this.#end();
  }

  async #say(data: string): Promise<void> {
    const { client, sandbox } = this.#options;
    const write = () => sandbox.process.sendSessionCommandInput(this.#session, this.#command, data);
    const seen = this.#seen;
    await client.call('send input', write, { signal: this.#over.signal, raw: true });
    if (this.#seen === seen) this.#saidAt = Date.now();
    this.#pollMs = POLL_MS.least;
    this.#polled?.();
  }

  #end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(closed());
    this.#alive?.[Symbol.dispose]();
    this.#greeted.promise.catch(() => undefined);
    this.#greeted.reject(closed());
    this.#outbox.close(closed());
    this.#wake?.();
    const { client, sandbox } = this.#options;
    // Ends the command and, on the other side, whoever follows its log.
    const remove = () => sandbox.process.deleteSession(this.#session);
    this.#removed = client.call('end a session', remove, { ms: 10_000, raw: true }).catch(() => undefined);
  }
}

function closed(): ChannelClosedError {
  return new ChannelClosedError('the connection to the sandbox was lost');
}
