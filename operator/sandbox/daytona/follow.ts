/** Following the log of a command over a WebSocket, which may be refused, break, or fall silent. */
import type { Sandbox } from '@daytonaio/sdk';
import { withDeadline } from '../deadline.ts';
import { holdingConnections } from './connections.ts';

/** How long the first word over a WebSocket is waited for, and the next one once something was sent. */
const SILENCE_MS = { first: 10_000, next: 5000 };

/** What came of a connection: something was heard; nothing, though it was there; nothing before it ended or was refused. */
export type Followed = 'heard' | 'silent' | 'ended';

export type FollowOptions = {
  sandbox: Sandbox;
  session: string;
  command: string;
  /** Takes the log as it comes; it begins with the log's start. */
  take: (text: string) => void;
  /** When something was last heard, and last said, in the conversation, in ms since 1970. */
  spoken: () => { heardAt: number; saidAt: number };
  /** How long the connection may be silent, in ms; default SILENCE_MS. */
  silenceMs?: { first: number; next: number } | undefined;
  /** The runner speaks at every second tick at the latest. */
  tickSeconds: number;
  signal: AbortSignal;
};

/** Resolves when the connection is over, whoever ended it; never rejects. Nothing is left of it then. */
export async function followLog(options: FollowOptions): Promise<Followed> {
  const { sandbox, session, command, take, spoken, silenceMs = SILENCE_MS, tickSeconds, signal } = options;
  let heard = false;
  let left = false;
  const silence = Promise.withResolvers<void>();
  const began = Date.now();
  const patienceEnds = (): number => {
    if (!heard) return began + silenceMs.first;
    const { heardAt, saidAt } = spoken();
    // Whatever is said is answered; without that the runner speaks at every tick of its clock.
    if (saidAt > heardAt) return Math.max(began, saidAt) + silenceMs.next;
    return heardAt + tickSeconds * 2500 + 30_000;
  };
  let watch: NodeJS.Timeout | undefined;
  const look = (): void => {
    const ms = patienceEnds() - Date.now();
    if (ms <= 0) silence.resolve();
    // Something may be said meanwhile.
    else watch = setTimeout(look, Math.min(ms, 1000));
  };
  look();
  const hear = (text: string): void => {
    // The SDK hands over the last of it when the connection closes. An error there is caught by nobody: it would end this process.
    if (left) return;
    heard = true;
    take(text);
  };
  const ended = withDeadline(silence.promise, { signal });
  using following = holdingConnections(() => sandbox.process.getSessionCommandLogs(session, command, hear, () => undefined));
  // A connection that was refused has told nothing; one that broke is tried again.
  following.result.catch(() => undefined);
  try {
    await Promise.race([following.result, ended]);
  } catch {
    // Refused, broken, or closed by ourselves.
  } finally {
    left = true;
    clearTimeout(watch);
    silence.resolve();
    ended.catch(() => undefined);
  }
  if (heard) return 'heard';
  return Date.now() >= began + silenceMs.first ? 'silent' : 'ended';
}
