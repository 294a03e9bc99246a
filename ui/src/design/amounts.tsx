/** Times and amounts of money as they are shown everywhere. */
import { useSyncExternalStore } from 'react';
import { agePhrase, dollars, shortAge } from './time.ts';

/** How long ago, with the exact time as its title; stays right while the page is open. */
export function Time({ value, short = false }: { value: string | null; short?: boolean }) {
  const now = useNow();
  const then = value === null ? Number.NaN : Date.parse(value);
  if (value === null || Number.isNaN(then)) return <span>–</span>;
  return (
    <time dateTime={value} title={new Date(then).toLocaleString()}>
      {short ? shortAge(then, now) : agePhrase(then, now)}
    </time>
  );
}

/** US dollars; the exact amount is its title. */
export function Money({ usd }: { usd: number }) {
  return (
    <span className="numbers" title={usd === 0 ? undefined : `$${usd}`}>
      {dollars(usd)}
    </span>
  );
}

const TICK = 15_000;
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** The time, in milliseconds since 1970, as of the last quarter of a minute; one clock for all who ask. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = Date.now();
    timer = setInterval(tick, TICK);
    document.addEventListener('visibilitychange', tick);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tick);
  };
}

function tick(): void {
  if (document.hidden) return;
  now = Date.now();
  for (const listener of listeners) listener();
}
