/**
 * Logins that were ended before their time. A cookie proves itself and nothing is kept of it, so that a restart logs nobody
 * out and every replica knows it; what is kept is which of them count no more, until they would have ended anyway. It is kept
 * in memory: a copy of a cookie that outlives its logout is refused by the process that was told, and by all of them once the
 * token is changed.
 */
import { createHash } from 'node:crypto';

/** That are remembered, the one that was ended first forgotten first. Only who has the token can make them more. */
const KEPT = 10_000;

export class EndedLogins {
  readonly #now: () => number;
  /** Until when, in milliseconds since 1970, by the digest of the cookie. */
  readonly #until = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param until when the login would have ended, in milliseconds since 1970 */
  end(cookie: string, until: number): void {
    this.#until.set(digest(cookie), until);
    if (this.#until.size <= KEPT) return;
    for (const [key, end] of this.#until) if (end <= this.#now()) this.#until.delete(key);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= KEPT) break;
      this.#until.delete(oldest);
    }
  }

  /** It was logged in with again: a token of the cluster is the same each time. */
  begin(cookie: string): void {
    this.#until.delete(digest(cookie));
  }

  has(cookie: string): boolean {
    return (this.#until.get(digest(cookie)) ?? 0) > this.#now();
  }
}

/** Nothing that is kept can be turned back into a cookie. */
function digest(cookie: string): string {
  return createHash('sha256').update(cookie).digest('base64url');
}
