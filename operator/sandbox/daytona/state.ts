/** What a state of a Daytona sandbox means for whoever wants to use it. */
import type { SandboxState } from '@daytonaio/sdk';

export type Verdict =
  | { kind: 'ready' }
  /** It becomes something else by itself. */
  | { kind: 'passing' }
  /** It is there, with its files, and has to be started. */
  | { kind: 'asleep' }
  /** It is no more. */
  | { kind: 'gone' }
  /** It never becomes ready; `reason` is a condition reason. */
  | { kind: 'failed'; reason: string };

export function verdictOf(state: `${SandboxState}` | undefined): Verdict {
  switch (state) {
    case 'started':
      return { kind: 'ready' };
    case 'stopped':
    case 'archived':
    case 'paused':
      return { kind: 'asleep' };
    case 'destroyed':
    case 'destroying':
      return { kind: 'gone' };
    case 'error':
      return { kind: 'failed', reason: 'SandboxFailed' };
    case 'build_failed':
      return { kind: 'failed', reason: 'ImageUnavailable' };
    default:
      return { kind: 'passing' };
  }
}
