import { describe, expect, it } from '@jest/globals';
import { aSession } from '../../test/support/objects.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import type { SessionView } from '../engine/session-tasks.ts';
import { INITIAL_STATE } from '../engine/state.ts';
import {
  CLEANUP_DEADLINE_MS,
  type Cleanup,
  type Decision,
  decide,
  RELEASE_RETRY_MS,
  RESTART_AFTER_ERROR_MS,
  RESTART_MS,
  type Snapshot,
} from './policies.ts';

const NOW = Date.parse('2030-01-01T12:00:00Z');
const resolved = { ok: true, reason: 'Resolved', message: 'AIProfile p.', fingerprint: 'p' };
const unresolved = { ok: false, reason: 'NoProfile', message: 'There is none.', fingerprint: 'NoProfile' };

function snapshot(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    session: aSession(),
    profiles: resolved,
    view: undefined,
    handed: undefined,
    slotOpen: true,
    maxRunning: 4,
    cleanup: { state: 'none' },
    release: { at: undefined, open: true },
    now: NOW,
    ...changes,
  };
}

function view(phase: SessionView['state']['phase'], changes: Partial<SessionView> = {}): SessionView {
  return { state: { ...INITIAL_STATE, lastSeq: 5, phase }, running: true, waiting: undefined, observedGeneration: 1, ...changes };
}

const at = (phase: NonNullable<AgentSessionStatus['phase']>, more: AgentSessionStatus = {}): AgentSessionStatus => ({
  phase,
  observedGeneration: 1,
  ...more,
});
const handed = { generation: 1, profiles: 'p', at: NOW - 1_000 };
const deleted = { deletionTimestamp: '2030-01-01T11:59:00Z' };
const hold = (reason: string) => ({ do: 'rest', hold: expect.objectContaining({ reason }) });

const TABLE: [string, Partial<Snapshot>, unknown][] = [
  // before anything else
  ['a new session gets the finalizer first', { session: aSession({}, undefined, { finalizers: [] }) }, { do: 'add-finalizer' }],
  [
    "somebody else's finalizer is not ours",
    { session: aSession({}, undefined, { finalizers: ['x/y'] }) },
    { do: 'add-finalizer' },
  ],
  ['a session with all that it needs runs', {}, { do: 'run', slot: true }],

  // profile, place
  ['without a profile it waits for one', { profiles: unresolved }, hold('NoProfile')],
  [
    'begun work waits for a profile as well',
    { profiles: unresolved, session: aSession({}, at('Programming')) },
    hold('NoProfile'),
  ],
  [
    'a running session is told of changes whatever became of its profile',
    { profiles: unresolved, view: view('Planning'), handed },
    { do: 'run', slot: true },
  ],
  ['without a place it waits for one', { slotOpen: false }, { ...hold('WaitingForSlot'), do: 'run', slot: false }],
  [
    'what runs here goes on without a place, and hears of what is new when it has one',
    { slotOpen: false, view: view('Planning'), handed: { ...handed, generation: 0 } },
    { ...hold('WaitingForSlot'), waitsForSlot: true },
  ],
  [
    'what another operator has takes no place here, whether there is one or not',
    { slotOpen: true, view: view('Queued', { unclaimed: true, waiting: { reason: 'Claimed', message: 'm' } }), handed },
    { ...hold('WaitingForSlot'), do: 'run', slot: false },
  ],
  [
    'what another operator has let go of is taken up with a place',
    { view: view('Queued', { unclaimed: true }), handed },
    { do: 'run', slot: true },
  ],
  [
    'and is not taken up without one',
    { slotOpen: false, view: view('Queued', { unclaimed: true }), handed },
    { ...hold('WaitingForSlot'), do: 'run', slot: false },
  ],
  ['it waits for a profile before it waits for a place', { slotOpen: false, profiles: unresolved }, hold('NoProfile')],

  // the user's controls need neither
  [
    'cancelling needs no profile and no place',
    { session: aSession({ cancelled: true }), profiles: unresolved, slotOpen: false },
    { do: 'run', slot: false },
  ],
  [
    'suspending needs no profile and no place',
    { session: aSession({ suspend: true }), profiles: unresolved, slotOpen: false },
    { do: 'run', slot: false },
  ],

  // at work
  ['a running session that knows everything is left alone', { view: view('Planning'), handed }, { do: 'rest' }],
  [
    'a running session gets the newest object',
    { view: view('Planning'), handed: { ...handed, generation: 0 } },
    { do: 'run', slot: true },
  ],
  [
    'a running session looks again when its profile changed',
    { view: view('Planning'), handed: { ...handed, profiles: 'q' } },
    { do: 'run', slot: true },
  ],

  // after a restart of the operator
  ...(['Queued', 'Provisioning', 'Planning', 'Programming', 'Reviewing', 'Publishing'] as const).map(
    (phase): [string, Partial<Snapshot>, unknown] => [
      `a session in ${phase} goes on`,
      { session: aSession({}, at(phase)) },
      { do: 'run', slot: true },
    ],
  ),
  ...(['WaitingForUser', 'Paused', 'Completed', 'Failed', 'Cancelled'] as const).flatMap(
    (phase): [string, Partial<Snapshot>, unknown][] => [
      [`a session in ${phase} rests`, { session: aSession({}, at(phase)) }, { do: 'rest' }],
      [
        `a session in ${phase} rests also without a profile`,
        { session: aSession({}, at(phase)), profiles: unresolved },
        { do: 'rest' },
      ],
      [
        `a session in ${phase} goes on when its object changed`,
        { session: aSession({}, at(phase), { generation: 2 }) },
        { do: 'run', slot: true },
      ],
    ],
  ),

  // a task that ended
  [
    'a task that ended where only the user leads on is not started again',
    { view: view('WaitingForUser', { running: false }), handed },
    { do: 'rest' },
  ],
  [
    'a task that ended with work left is started again after a while',
    { view: view('Planning', { running: false }), handed },
    { do: 'rest', recheckInMs: RESTART_MS - 1_000 },
  ],
  [
    'and then is',
    { view: view('Planning', { running: false }), handed: { ...handed, at: NOW - RESTART_MS } },
    { do: 'run', slot: true },
  ],
  [
    'a task that ended in trouble waits longer and says why',
    { view: view('Planning', { running: false, waiting: { reason: 'EngineError', message: 'm' } }), handed },
    { do: 'rest', recheckInMs: RESTART_AFTER_ERROR_MS - 1_000, hold: { reason: 'EngineError', message: 'm' } },
  ],
  [
    'a task that ended is started at once when the object changed',
    { view: view('Planning', { running: false }), handed, session: aSession({}, at('Planning'), { generation: 2 }) },
    { do: 'run', slot: true },
  ],

  // time to live
  [
    'a finished session is deleted when its time is over',
    { session: aSession({ ttlSecondsAfterFinished: 60 }, at('Failed', { completionTime: '2030-01-01T11:59:00Z' })) },
    expect.objectContaining({ do: 'delete' }),
  ],
  [
    'and not before',
    { session: aSession({ ttlSecondsAfterFinished: 60 }, at('Failed', { completionTime: '2030-01-01T11:59:30Z' })) },
    { do: 'rest', recheckInMs: 30_000 },
  ],
  [
    'a session that waits is never too old',
    { session: aSession({ ttlSecondsAfterFinished: 0 }, at('WaitingForUser', { completionTime: '2030-01-01T11:00:00Z' })) },
    { do: 'rest' },
  ],
  [
    'a message to a finished session is not lost to its age',
    {
      session: aSession({ ttlSecondsAfterFinished: 0 }, at('Completed', { completionTime: '2030-01-01T11:00:00Z' }), {
        generation: 2,
      }),
    },
    { do: 'run', slot: true },
  ],

  // the sandbox of a session at rest
  [
    'a sandbox is given back when the session has rested for long',
    { session: aSession({}, at('Completed')), release: { at: NOW, open: true } },
    { do: 'release' },
  ],
  [
    'and looked at again when that is due',
    { session: aSession({}, at('Paused')), release: { at: NOW + 60_000, open: true } },
    { do: 'rest', recheckInMs: 60_000 },
  ],
  [
    'or when the session is to be deleted, if that comes first',
    {
      session: aSession({ ttlSecondsAfterFinished: 60 }, at('Failed', { completionTime: '2030-01-01T11:59:30Z' })),
      release: { at: NOW + 60_000, open: true },
    },
    { do: 'rest', recheckInMs: 30_000 },
  ],
  [
    'many are not given back all at once',
    { session: aSession({}, at('Completed')), release: { at: NOW - 60_000, open: false } },
    { do: 'rest', recheckInMs: 1_000 },
  ],
  [
    'one that could not be given back is tried to again, but not without pause',
    { session: aSession({}, at('Completed')), release: { at: NOW - 60_000, open: true }, handed },
    { do: 'rest', recheckInMs: RELEASE_RETRY_MS - 1_000 },
  ],
  [
    'and then is',
    {
      session: aSession({}, at('Completed')),
      release: { at: NOW - RELEASE_RETRY_MS, open: true },
      handed: { ...handed, at: NOW - RELEASE_RETRY_MS },
    },
    { do: 'release' },
  ],
  [
    'a session that is being given back is left alone',
    {
      session: aSession({}, at('Completed')),
      release: { at: NOW, open: true },
      handed,
      view: view('Completed'),
    },
    { do: 'rest' },
  ],
  [
    'a message comes before that',
    { session: aSession({}, at('Completed'), { generation: 2 }), release: { at: NOW, open: true } },
    { do: 'run', slot: true },
  ],

  // deletion
  [
    'a deleted session is cleaned up, whatever else holds',
    { session: aSession({ suspend: true }, at('Completed'), deleted), profiles: unresolved },
    { do: 'clean-up' },
  ],
  [
    'a deleted session never gets a finalizer',
    { session: aSession({}, undefined, { ...deleted, finalizers: ['x/y'] }), cleanup: { state: 'done' } },
    { do: 'rest' },
  ],
  [
    'what our finalizer does not protect any more is cleaned up all the same',
    { session: aSession({}, undefined, { ...deleted, finalizers: ['x/y'] }) },
    { do: 'clean-up' },
  ],
  [
    'a removal under way is waited for',
    { session: aSession({}, {}, deleted), cleanup: { state: 'running', since: NOW - 1_000, tries: 1 } },
    { do: 'rest', recheckInMs: 9_000 },
  ],
  [
    'one that takes its time is spoken of, and waited for until its deadline',
    { session: aSession({}, {}, deleted), cleanup: { state: 'running', since: NOW - 10_000, tries: 1 } },
    { do: 'rest', hold: kept('CleanupPending', 'still being removed'), recheckInMs: CLEANUP_DEADLINE_MS - 10_000 },
  ],
  [
    'one that failed before says so while it is tried again',
    { session: aSession({}, {}, deleted), cleanup: { state: 'running', since: NOW - 3_000, tries: 2, error: 'busy' } },
    { do: 'rest', hold: kept('CleanupFailed', 'busy'), recheckInMs: CLEANUP_DEADLINE_MS - 3_000 },
  ],
  [
    'a removal that takes too long is given up',
    { session: aSession({}, {}, deleted), cleanup: { state: 'running', since: NOW - CLEANUP_DEADLINE_MS, tries: 1 } },
    { do: 'remove-finalizer', incomplete: expect.stringContaining('60 s') },
  ],
  [
    'a removal that failed is tried again',
    { session: aSession({}, {}, deleted), cleanup: failed({ since: NOW - 9_000, at: NOW - 4_000, tries: 2 }) },
    { do: 'clean-up' },
  ],
  [
    'but not without pause, and says why',
    { session: aSession({}, {}, deleted), cleanup: failed({ since: NOW - 9_000, at: NOW - 1_000, tries: 1 }) },
    { do: 'rest', hold: kept('CleanupFailed', 'busy'), recheckInMs: 1_000 },
  ],
  [
    'ever less often',
    { session: aSession({}, {}, deleted), cleanup: failed({ since: NOW - 9_000, at: NOW - 1_000, tries: 3 }) },
    { do: 'rest', hold: kept('CleanupFailed', 'busy'), recheckInMs: 7_000 },
  ],
  [
    'though not beyond its deadline',
    { session: aSession({}, {}, deleted), cleanup: failed({ since: NOW - 58_000, at: NOW - 1_000, tries: 9 }) },
    { do: 'rest', hold: kept('CleanupFailed', 'busy'), recheckInMs: 2_000 },
  ],
  [
    'and not for ever',
    { session: aSession({}, {}, deleted), cleanup: failed({ since: NOW - 60_000, at: NOW - 1_000 }) },
    { do: 'remove-finalizer', incomplete: expect.stringContaining('busy') },
  ],
  [
    'nor at all when it can only fail again',
    { session: aSession({}, {}, deleted), cleanup: failed({ final: true }) },
    { do: 'remove-finalizer', incomplete: 'Not everything of the session was removed: busy' },
  ],
  [
    'a session of which nothing is left is let go',
    { session: aSession({}, {}, deleted), cleanup: { state: 'done' } },
    { do: 'remove-finalizer' },
  ],
];

function failed(changes: Partial<Cleanup & { state: 'failed' }>): Cleanup {
  return { state: 'failed', since: NOW, at: NOW, tries: 1, error: 'busy', final: false, ...changes };
}

function kept(reason: string, message: string): object {
  return { reason, message: expect.stringContaining(message) };
}

describe('what is done about a session', () => {
  it.each(TABLE)('%s', (_, changes, expected) => {
    expect<Decision>(decide(snapshot(changes))).toEqual(expected);
  });
});
