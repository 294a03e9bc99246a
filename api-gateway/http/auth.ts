/** Who may call. A token comes with every request, or once at login and then in a cookie that no script can read. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { Problem } from './problem.ts';

export type GatewayAuth = { mode: 'none' } | { mode: 'token'; token: string };

const COOKIE = 'swe_agent_session';
/** How long a login lasts, in seconds. */
const LOGIN_SECONDS = 30 * 24 * 3600;

export class Authenticator {
  readonly #auth: GatewayAuth;
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(auth: GatewayAuth, now: () => number) {
    if (auth.mode === 'token' && auth.token === '') throw new TypeError('the API token must not be empty');
    this.#auth = auth;
    this.#now = now;
  }

  /** Lets a request pass that proves that it may. */
  readonly require = (request: Request, _response: Response, next: NextFunction): void => {
    if (this.#auth.mode === 'token' && !this.#proves(request, this.#auth.token)) {
      const headers = { 'WWW-Authenticate': 'Bearer realm="swe-agent"' };
      const detail = 'Send the header "Authorization: Bearer <API_TOKEN>", or log in: POST /login {"token": "…"}.';
      throw new Problem(401, 'unauthenticated', detail, { headers });
    }
    next();
  };

  /** Sets the cookie. @throws Problem 401 for a wrong token */
  login(token: unknown, request: Request, response: Response): void {
    if (this.#auth.mode === 'none') return;
    if (typeof token !== 'string' || !same(token, this.#auth.token)) {
      throw new Problem(401, 'wrong-token', 'The token is not the one that the server was started with (API_TOKEN).');
    }
    const expires = Math.floor(this.#now() / 1000) + LOGIN_SECONDS;
    setCookie(request, response, `${expires}.${sign(expires, this.#auth.token)}`, LOGIN_SECONDS);
  }

  logout(request: Request, response: Response): void {
    setCookie(request, response, '', 0);
  }

  #proves(request: Request, token: string): boolean {
    const { authorization } = request.headers;
    if (authorization !== undefined) return same(/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '', token);
    const [expires = '', signature = ''] = (cookieOf(request) ?? '').split('.');
    return /^\d{1,12}$/.test(expires) && Number(expires) * 1000 > this.#now() && same(signature, sign(Number(expires), token));
  }
}

/** The cookie holds no token: a proof of it that ends by itself, and ends at once when the token is changed. */
function sign(expires: number, token: string): string {
  return createHmac('sha256', token).update(`swe-agent login until ${expires}`).digest('base64url');
}

/** Compares in a time that tells nothing about either. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'swe-agent').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function cookieOf(request: Request): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === COOKIE) return value;
  }
  return undefined;
}

function setCookie(request: Request, response: Response, value: string, maxAge: number): void {
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  response.append('Set-Cookie', `${COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`);
}
