import { SandboxState } from '@daytonaio/sdk';
import { describe, expect, it } from '@jest/globals';
import { verdictOf } from './state.ts';

/** Each state that the SDK knows; one that is new to it has to be thought about here. */
const VERDICTS = {
  started: 'ready',
  stopped: 'asleep',
  archived: 'asleep',
  paused: 'asleep',
  destroyed: 'gone',
  destroying: 'gone',
  error: 'failed',
  build_failed: 'failed',
  creating: 'passing',
  restoring: 'passing',
  starting: 'passing',
  stopping: 'passing',
  pending_build: 'passing',
  building_snapshot: 'passing',
  pulling_snapshot: 'passing',
  archiving: 'passing',
  resizing: 'passing',
  snapshotting: 'passing',
  forking: 'passing',
  pausing: 'passing',
  resuming: 'passing',
  unknown: 'passing',
  // What the generated client makes of a state that is newer than it.
  '11184809': 'passing',
};

describe('a state of a Daytona sandbox', () => {
  it('has a meaning, whichever of those it is that the SDK knows', () => {
    expect(Object.fromEntries(Object.values(SandboxState).map((state) => [state, verdictOf(state).kind]))).toEqual(VERDICTS);
  });

  it('that is not told yet is waited for', () => {
    expect(verdictOf(undefined)).toEqual({ kind: 'passing' });
  });
});
