/** Owning a session: taking the claim on its log, keeping it, and looking whether the log is whole. */
import type { AgentSession } from '../api/resources.ts';
import { sleep } from '../clock.ts';
import { describeError } from '../logger.ts';
import { type EventType, FORMAT } from './events.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import {
  CLAIM_TTL_MS,
  type Claim,
  ClaimedError,
  type EventLog,
  FencedError,
  LogDamagedError,
  LogUnavailableError,
} from './log.ts';
import type { EngineDeps } from './ports.ts';
import type { SessionState } from './state.ts';

export type Waiting = { reason: string; message: string; retryAt?: number };

const RENEW_MS = CLAIM_TTL_MS / 3;
/** Between two looks whether somebody else has taken a session that waits for a place here. */
const RECHECK_MS = 60_000;
/** After these nothing is left to do until the object changes. */
const RESTS: ReadonlySet<EventType> = new Set(['session.finished', 'session.paused', 'sandbox.released']);
/** Between two tries to claim a session whose log is away. */
const RETRY_MS = 2_000;

/** After another owner let go of a session that is at rest, for the status to say so, in ms. */
const SETTLES_MS = 1_500;
/** A session that nobody has waits this long for a place before that is said: another operator may take it meanwhile. */
const UNTAKEN_MS = 1_000;

export type Taking = {
  /** The newest object. */
  session: () => AgentSession;
  /** Why this operator must not take the session now, although nobody else has it; undefined when it may. */
  hold: () => Waiting | undefined;
  /** From here on a change of the object or of `hold` ends the next wait. */
  watch: () => void;
  /** Resolves after the time, with a change, or when the task is stopped. */
  during: (ms: number) => Promise<void>;
  /** Shows what is waited for; undefined: nothing. */
  tell: (waiting: Waiting | undefined) => void;
  signal: AbortSignal;
};

/**
 * Takes the session, waiting for another owner's claim to run out, for a log that is away, and for a place here. A claim
 * under our own name is another owner's as well: this process gave its own back, and one that has the same name by mistake
 * is not to be fenced, and to fence in turn, for ever.
 * @returns undefined when another owner brought it to a rest, and nothing is left to do
 * @throws ImpossibleLogError for events of a newer operator, and the signal's reason
 */
export async function claimSession(
  { log, holder }: Pick<EngineDeps, 'log' | 'holder'>,
  taking: Taking,
): Promise<Claim | undefined> {
  const { session, hold, tell, signal } = taking;
  const uid = session().metadata.uid ?? '';
  const message = 'Another operator worked on the session; waiting for its claim to end.';
  let told: string | undefined;
  const say = (waiting: Waiting | undefined) => {
    if (told !== waiting?.reason) tell(waiting);
    told = waiting?.reason;
  };
  let free: number | undefined;
  const held = () => {
    free = undefined;
    say({ reason: 'Claimed', message });
  };
  for (;;) {
    try {
      taking.watch();
      await log.untilFree(uid, held, signal);
      if (told === 'Claimed' && (await leftAtRest(log, uid, taking))) {
        say(undefined);
        return undefined;
      }
      const kept = hold();
      if (kept) {
        free ??= performance.now();
        const left = free + UNTAKEN_MS - performance.now();
        // Whoever gives places away learns with the first word that one is wanted.
        say(left > 0 ? undefined : kept);
        await taking.during(left > 0 ? left : RECHECK_MS);
        signal.throwIfAborted();
        continue;
      }
      await checkFormat(log, uid);
      const claim = await log.claim(uid, holder, { epoch: session().status?.log?.epoch ?? 0 });
      say(undefined);
      return claim;
    } catch (error) {
      if (error instanceof ClaimedError) continue;
      if (!(error instanceof LogUnavailableError)) throw error;
      tell({ reason: 'LogUnavailable', message: error.message });
      told = 'LogUnavailable';
      await sleep(RETRY_MS, signal);
    }
  }
}

/** Whether the log ends in a rest that the object's status tells of already, or within moments. */
async function leftAtRest(log: EventLog, uid: string, { session, watch, during, signal }: Taking): Promise<boolean> {
  const { lastSeq } = await log.head(uid);
  const [last] = lastSeq > 0 ? await log.read(uid, lastSeq - 1, 1) : [];
  if (!last || !(RESTS.has(last.type) || (last.type === 'phase.entered' && last.phase === 'WaitingForUser'))) return false;
  for (const began = performance.now(); ; ) {
    watch();
    const { status, metadata } = session();
    if ((status?.log?.lastSeq ?? 0) >= lastSeq) return status?.observedGeneration === metadata.generation;
    const left = began + SETTLES_MS - performance.now();
    if (left <= 0) return false;
    await during(left);
    signal.throwIfAborted();
  }
}

/** A claim would shut out the newer operator that wrote what this one cannot read. */
async function checkFormat(log: EventLog, uid: string): Promise<void> {
  const { lastSeq } = await log.head(uid);
  const [last] = lastSeq > 0 ? await log.read(uid, lastSeq - 1, 1) : [];
  if (last && last.format > FORMAT) {
    throw new ImpossibleLogError(last, `it has format ${last.format}, and this operator knows up to ${FORMAT}; use a newer one`);
  }
}

/** Renews the claim until disposed; `fenced` is called when somebody else has it. */
export function keepClaim(claim: Claim, { log, logger }: Pick<EngineDeps, 'log' | 'logger'>, fenced: () => void): Disposable {
  const timer = setInterval(() => {
    log.renew(claim).catch((error: unknown) => {
      if (error instanceof FencedError) fenced();
      else logger.warn('cannot renew the claim', { uid: claim.uid, error: describeError(error) });
    });
  }, RENEW_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * A log behind its mirror in the status lost acknowledged writes: going on would repeat effects.
 * @throws LogDamagedError
 */
export function checkMirror(state: SessionState, session: AgentSession): void {
  const mirrored = session.status?.log?.lastSeq ?? 0;
  if (state.lastSeq >= mirrored) return;
  throw new LogDamagedError(
    `the event log ends at ${state.lastSeq} but status.log says that ${mirrored} events were written: acknowledged writes were lost. Restore the log, or create the session again.`,
  );
}
