/** How long something goes on already, counted up while it is looked at. */
import { useEffect, useState } from 'react';
import { duration } from '../design/time.ts';

export function Elapsed({ since }: { since: string }) {
  const now = useSecond();
  const ms = now - Date.parse(since);
  return <span className="numbers">{ms < 1_000 ? '…' : whole(Math.floor(ms / 1_000))}</span>;
}

/** Counts down to a moment, in ms since 1970. */
export function Remaining({ until }: { until: number }) {
  const now = useSecond();
  const seconds = Math.ceil((until - now) / 1_000);
  return <span className="numbers">{seconds > 0 ? `in ${whole(seconds)}` : 'now'}</span>;
}

function useSecond(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Something that counts has no tenths. */
function whole(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : duration(seconds * 1_000);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

/** The time of day of an event. */
export function clock(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? '' : CLOCK.format(at);
}
