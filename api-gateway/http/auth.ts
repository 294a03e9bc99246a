/** Who may call. A token comes with every request, or once at login and then in a cookie that no script can read. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Caller } from './caller.ts';
import { type ClusterCallers, unknownToken } from './cluster-callers.ts';
import { Problem } from './problem.ts';
import type { ProxyUsers } from './proxy-user.ts';

export type GatewayAuth =
  | { mode: 'none' }
  | { mode: 'token'; token: string }
  /** Every caller has a token of the cluster and acts with it. */
  | { mode: 'kubernetes'; callers: Pick<ClusterCallers, 'caller'> };

const COOKIE = 'swe_agent_session';
/** How long a login lasts, in seconds. */
const LOGIN_SECONDS = 30 * 24 * 3600;
/** With a token of the cluster whose end is not known. */
const CLUSTER_LOGIN_SECONDS = 12 * 3600;
/** How long it may take to ask the API server about a caller, in milliseconds. */
const ASK_MS = 10_000;

export class Authenticator {
  readonly #auth: GatewayAuth;
  readonly #everybody: Caller;
  readonly #now: () => number;
  readonly #proxyUsers: ProxyUsers | undefined;
  readonly #callers = new WeakMap<Request, Caller>();

  /**
   * @param everybody who all callers are where they have no rights of their own
   * @param now milliseconds since 1970
   * @param proxyUsers how an authenticating proxy names users; with mode none nobody else may call then
   */
  constructor(auth: GatewayAuth, everybody: Caller, now: () => number, proxyUsers?: ProxyUsers) {
    if (auth.mode === 'kubernetes' && proxyUsers) throw new TypeError('with tokens of a cluster the token says who calls');
    if (auth.mode === 'token' && auth.token === '') throw new TypeError('the API token must not be empty');
    this.#auth = auth;
    this.#everybody = everybody;
    this.#now = now;
    this.#proxyUsers = proxyUsers;
  }

  /** Lets a request pass that proves that it may. */
  readonly require = (request: Request, _response: Response, next: NextFunction): void => {
    this.#identify(request).then((caller) => {
      this.#callers.set(request, caller);
      next();
    }, next);
  };

  /** Who sent a request that `require` let pass. */
  caller(request: Request): Caller {
    const caller = this.#callers.get(request);
    if (!caller) throw new Error('the caller of this request was not asked for');
    return caller;
  }

  /** Sets the cookie. @throws Problem 401 for a wrong token */
  async login(token: unknown, request: Request, response: Response): Promise<void> {
    if (this.#auth.mode === 'none') return;
    if (this.#auth.mode === 'kubernetes') {
      if (!isToken(token)) throw unknownToken();
      await this.#auth.callers.caller(token, AbortSignal.timeout(ASK_MS));
      setCookie(request, response, token, this.#secondsLeft(token));
      return;
    }
    if (typeof token !== 'string' || !same(token, this.#auth.token)) {
      throw new Problem(401, 'wrong-token', 'The token is not the one that the server was started with (API_TOKEN).');
    }
    const expires = Math.floor(this.#now() / 1000) + LOGIN_SECONDS;
    setCookie(request, response, `${expires}.${sign(expires, this.#auth.token)}`, LOGIN_SECONDS);
  }

  logout(request: Request, response: Response): void {
    setCookie(request, response, '', 0);
  }

  async #identify(request: Request): Promise<Caller> {
    const auth = this.#auth;
    if (auth.mode === 'kubernetes') {
      const { authorization } = request.headers;
      const token = authorization === undefined ? cookieOf(request) : bearerOf(authorization);
      if (token !== undefined && isToken(token)) return auth.callers.caller(token, AbortSignal.timeout(ASK_MS));
      const detail =
        'Send the header "Authorization: Bearer <token of the cluster>", for instance from kubectl create token, or log in: POST /login {"token": "…"}.';
      throw new Problem(401, 'unauthenticated', detail, { headers: { 'WWW-Authenticate': 'Bearer realm="kubernetes"' } });
    }
    if (auth.mode === 'token' && !this.#proves(request, auth.token)) {
      const headers = { 'WWW-Authenticate': 'Bearer realm="swe-agent"' };
      const detail = 'Send the header "Authorization: Bearer <API_TOKEN>", or log in: POST /login {"token": "…"}.';
      throw new Problem(401, 'unauthenticated', detail, { headers });
    }
    const user = this.#proxyUsers?.userOf(request);
    if (user !== undefined) return named(user, this.#everybody);
    if (this.#proxyUsers && auth.mode === 'none') {
      const detail = 'This server is used through its authenticating proxy, which says who calls.';
      throw new Problem(403, 'caller-refused', detail);
    }
    return this.#everybody;
  }

  #proves(request: Request, token: string): boolean {
    const { authorization } = request.headers;
    if (authorization !== undefined) return same(bearerOf(authorization) ?? '', token);
    const [expires = '', signature = ''] = (cookieOf(request) ?? '').split('.');
    return /^\d{1,12}$/.test(expires) && Number(expires) * 1000 > this.#now() && same(signature, sign(Number(expires), token));
  }

  /** Until the token ends, where it says so: the cookie has no reason to stay longer. */
  #secondsLeft(token: string): number {
    const end = expiryOf(token);
    if (end === undefined) return CLUSTER_LOGIN_SECONDS;
    return Math.max(1, Math.min(LOGIN_SECONDS, end - Math.floor(this.#now() / 1000)));
  }
}

/** Somebody with the rights that all have, and a name of their own. */
function named(author: string, { rights, kube, demand, may }: Caller): Caller {
  return { author, rights, kube, demand, may };
}

function bearerOf(authorization: string): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
}

/** What may stand in a header and in a cookie (RFC 6750), and fits into one. */
function isToken(text: unknown): text is string {
  return typeof text === 'string' && text.length <= 3_800 && /^[A-Za-z0-9._~+/-]+=*$/.test(text);
}

/** The end that a JWT names, in seconds since 1970. It is not checked here: who takes the token does that. */
function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const end = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof end === 'number' && Number.isFinite(end) ? Math.floor(end) : undefined;
  } catch {
    return undefined;
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
    const text = pair.trim();
    if (text.startsWith(`${COOKIE}=`)) return text.slice(COOKIE.length + 1);
  }
  return undefined;
}

function setCookie(request: Request, response: Response, value: string, maxAge: number): void {
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  response.append('Set-Cookie', `${COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`);
}
