/** Tests of profiles that somebody asked for on this page, until their result has come. */
import { useEffect, useSyncExternalStore } from 'react';
import { shownName } from '../api/profiles.ts';
import { shared } from '../design/shared.ts';
import { notify } from '../design/toast.tsx';
import { healthOf } from './health.ts';
import type { Profile } from './profile.ts';

/** Longer than the operator tries a model before it gives up. Milliseconds. */
const PATIENCE = 75_000;

type Asked = { before: string | null; until: number };

const asked = shared<ReadonlyMap<string, Asked>>(new Map());

function forget(name: string): void {
  const next = new Map(asked.get());
  if (next.delete(name)) asked.set(next);
}

/** Begins to wait for the result of a test that is about to be asked for. */
export function beginTry({ name, probed_at }: Profile): void {
  asked.set(new Map(asked.get()).set(name, { before: probed_at, until: Date.now() + PATIENCE }));
}

/** The test could not be asked for. */
export function endTry({ name }: Profile): void {
  forget(name);
}

/** Whether a test of the profile is on its way; tells its result once. */
export function useTrying(profile: Profile): boolean {
  const all = useSyncExternalStore(asked.subscribe, asked.get);
  const { name } = profile;
  const mine = all.get(name);
  const over = mine !== undefined && profile.probed_at !== mine.before;
  useEffect(() => {
    if (!mine) return;
    if (over) {
      forget(name);
      const { label, detail } = healthOf(profile, false);
      notify(
        profile.ready === true
          ? `${shownName(profile)} answers${profile.tool_calling === 'yes' ? ' and calls tools' : ''}.`
          : `${shownName(profile)}: ${label}. ${detail ?? ''}`.trim(),
        profile.ready === true ? 'ok' : 'bad',
      );
      return;
    }
    const timer = setTimeout(() => {
      forget(name);
      notify('No result yet. It shows up here as soon as the operator has one.', 'bad');
    }, mine.until - Date.now());
    return () => clearTimeout(timer);
  }, [mine, over, name, profile]);
  return mine !== undefined && !over;
}
