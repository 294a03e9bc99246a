/** How often an address may try to log in: a token is not to be guessed, and the API server not to be asked without end. */
import { isIPv6 } from 'node:net';
import { Problem } from './problem.ts';

/** Tries that may fail before anything has to be waited for: people paste the wrong thing. */
const FREE = 5;
/** The longest wait after a try that failed; the first is a second, and each is twice the one before. In milliseconds. */
const MOST_MS = 60_000;
/** Without a try for so long, an address is as good as new, in milliseconds. */
const FORGET_MS = 15 * 60_000;
/** Addresses that are remembered, the one that tried longest ago forgotten first. */
const KEPT = 10_000;

type Tries = { failed: number; last: number };

export class LoginTries {
  readonly #now: () => number;
  /** By address, in the order of the last tries. */
  readonly #byAddress = new Map<string, Tries>();

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Lets an address try. A try counts as failed from its beginning, so that many at once are many; one that came to no
   * verdict does not count.
   * @param log logs in; rejects with a Problem 401 when the token is wrong
   * @throws Problem 429 when the address has to wait, without trying; what `log` throws
   */
  async allow<T>(address: string, log: () => Promise<T>): Promise<T> {
    const key = networkOf(address);
    const now = this.#now();
    const known = this.#byAddress.get(key);
    const before = known && now - known.last < FORGET_MS ? known : { failed: 0, last: now };
    const wait = before.last + pauseAfter(before.failed) - now;
    if (wait > 0) {
      const seconds = Math.ceil(wait / 1_000);
      const detail = `Too many logins from ${address} failed. Try again in ${seconds} s.`;
      throw new Problem(429, 'too-many-logins', detail, { headers: { 'Retry-After': String(seconds) } });
    }
    this.#keep(key, { failed: before.failed + 1, last: now });
    try {
      const done = await log();
      this.#byAddress.delete(key);
      return done;
    } catch (error) {
      const counted = this.#byAddress.get(key);
      if (counted && !(error instanceof Problem && error.status === 401)) counted.failed--;
      throw error;
    }
  }

  #keep(key: string, tries: Tries): void {
    this.#byAddress.delete(key);
    this.#byAddress.set(key, tries);
    for (const oldest of this.#byAddress.keys()) {
      if (this.#byAddress.size <= KEPT) break;
      this.#byAddress.delete(oldest);
    }
  }
}

function pauseAfter(failed: number): number {
  return failed < FREE ? 0 : Math.min(1_000 * 2 ** (failed - FREE), MOST_MS);
}

/** Whoever has an IPv6 address has the 2^64 of its network. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [left = '', right] = address.toLowerCase().split('::');
  const [head, tail] = [left, right ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const groups = [
    ...(head ?? []),
    ...Array(Math.max(0, 8 - (head?.length ?? 0) - (tail?.length ?? 0))).fill('0'),
    ...(tail ?? []),
  ];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
