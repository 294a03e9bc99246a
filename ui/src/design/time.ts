/** Times and amounts in words. Pure: what time it is comes as an argument. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago, in as few characters as say it: `now`, `5m`, `3h`, `2d`, `14 Mar`, `14 Mar 2024`. */
export function shortAge(then: number, now: number): string {
  const age = now - then;
  if (age < MINUTE) return 'now';
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m`;
  if (age < DAY) return `${Math.floor(age / HOUR)}h`;
  if (age < 30 * DAY) return `${Math.floor(age / DAY)}d`;
  const date = new Date(then);
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The same as a phrase: `just now`, `5 minutes ago`, `on 14 Mar`. Times ahead: `in 5 minutes`. */
export function agePhrase(then: number, now: number): string {
  const age = now - then;
  if (Math.abs(age) < MINUTE) return age < -5 * SECOND ? 'in a moment' : 'just now';
  const amount = Math.abs(age);
  const phrase =
    amount < HOUR
      ? counted(Math.floor(amount / MINUTE), 'minute')
      : amount < DAY
        ? counted(Math.floor(amount / HOUR), 'hour')
        : amount < 30 * DAY
          ? counted(Math.floor(amount / DAY), 'day')
          : undefined;
  if (phrase === undefined) return `on ${shortAge(then, now)}`;
  return age > 0 ? `${phrase} ago` : `in ${phrase}`;
}

/** `1 minute`, `2 minutes`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** How long something took: `420 ms`, `3.2 s`, `1m 05s`, `2h 07m`. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m ${two(Math.floor((ms % MINUTE) / SECOND))}s`;
  return `${Math.floor(ms / HOUR)}h ${two(Math.floor((ms % HOUR) / MINUTE))}m`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** US dollars: `$0`, `$0.004`, `$0.42`, `$12.30`; never a rounded nought for what did cost something. */
export function dollars(amount: number): string {
  if (amount === 0) return '$0';
  if (amount < 0.001) return '<$0.001';
  if (amount < 0.1) return `$${amount.toFixed(3)}`;
  return `$${amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** A count with few digits: `950`, `12.4k`, `3.1M`. */
export function compact(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 999_500) return `${trim(count / 1_000)}k`;
  return `${trim(count / 1_000_000)}M`;
}

function trim(value: number): string {
  return value < 99.95 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
}
