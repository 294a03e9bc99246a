/** Owning a session: taking the claim on its log, keeping it, and looking whether the log is whole. */
import type { AgentSession } from '../api/resources.ts';
import { sleep } from '../clock.ts';
import { describeError } from '../logger.ts';
import { FORMAT } from './events.ts';
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
/** Between two tries to claim a session whose log is away. */
const RETRY_MS = 2_000;

/**
 * Takes the session, waiting for another owner's claim to run out and for a log that is away. A claim under our own name is
 * another owner's as well: this process gave its own back, and one that has the same name by mistake is not to be fenced,
 * and to fence in turn, for ever.
 * @throws ImpossibleLogError for events of a newer operator, and the signal's reason
 */
export async function claimSession(
  { log, holder }: Pick<EngineDeps, 'log' | 'holder'>,
  session: () => AgentSession,
  tell: (waiting: Waiting | undefined) => void,
  signal: AbortSignal,
): Promise<Claim> {
  const uid = session().metadata.uid ?? '';
  const message = 'Another operator worked on the session; waiting for its claim to end.';
  let told = false;
  const held = () => {
    if (!told) tell({ reason: 'Claimed', message });
    told = true;
  };
  for (;;) {
    try {
      await log.untilFree(uid, held, signal);
      await checkFormat(log, uid);
      const claim = await log.claim(uid, holder, { epoch: session().status?.log?.epoch ?? 0 });
      tell(undefined);
      return claim;
    } catch (error) {
      if (error instanceof ClaimedError) continue;
      if (!(error instanceof LogUnavailableError)) throw error;
      tell({ reason: 'LogUnavailable', message: error.message });
      told = false;
      await sleep(RETRY_MS, signal);
    }
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
