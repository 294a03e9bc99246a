/** Who may call. A token comes with every request, or once at login and then in a cookie that no script can read. */
import { createHmac, randomBytes } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Ask, Caller } from './caller.ts';
import { type ClusterCallers, unknownToken } from './cluster-callers.ts';
import { EndedLogins } from './ended-logins.ts';
import { LoginTries } from './login-tries.ts';
import { Problem } from './problem.ts';
import type { Proxies } from './proxies.ts';
import type { ProxyUsers } from './proxy-user.ts';
import { sameSecret } from './same-secret.ts';

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
  readonly #proxies: Proxies;
  readonly #proxyUsers: ProxyUsers | undefined;
  readonly #tries: LoginTries;
  readonly #ended: EndedLogins;
  readonly #callers = new WeakMap<Request, Caller>();

  /**
   * @param everybody who all callers are where they have no rights of their own
   * @param now milliseconds since 1970
   * @param proxies those that are known by their address
   * @param proxyUsers how an authenticating proxy names users; with mode none nobody else may call then
   */
  constructor(auth: GatewayAuth, everybody: Caller, now: () => number, proxies: Proxies, proxyUsers?: ProxyUsers) {
    if (auth.mode === 'kubernetes' && proxyUsers) throw new TypeError('with tokens of a cluster the token says who calls');
    if (auth.mode === 'token' && auth.token === '') throw new TypeError('the API token must not be empty');
    this.#auth = auth;
    this.#everybody = everybody;
    this.#now = now;
    this.#tries = new LoginTries(now);
    this.#ended = new EndedLogins(now);
    this.#proxies = proxies;
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

  /** Sets the cookie. @throws Problem 401 for a wrong token, 429 after too many of them */
  async login(token: unknown, request: Request, response: Response): Promise<void> {
    if (this.#auth.mode === 'none') return;
    const { cookie, seconds } = await this.#tries.allow(this.#proxies.clientOf(request), () => this.#cookieFor(token));
    this.#ended.begin(cookie);
    this.#setCookie(request, response, cookie, seconds);
  }

  /** Ends the login that the request comes with, copies of its cookie included. */
  async logout(request: Request, response: Response): Promise<void> {
    const cookie = cookieOf(request);
    this.#setCookie(request, response, '', 0);
    if (cookie === undefined || this.#auth.mode === 'none' || this.#ended.has(cookie)) return;
    try {
      await this.#identifyCookie(cookie);
    } catch (error) {
      // It proves nothing, and is not worth being remembered.
      if (error instanceof Problem && error.status === 401) return;
      throw error;
    }
    const seconds = this.#auth.mode === 'kubernetes' ? this.#secondsLeft(cookie) : LOGIN_SECONDS;
    this.#ended.end(cookie, this.#now() + seconds * 1000);
  }

  async #identify(request: Request): Promise<Caller> {
    const { authorization } = request.headers;
    const cookie = authorization === undefined ? cookieOf(request) : undefined;
    const caller =
      this.#auth.mode === 'none'
        ? this.#everybody
        : cookie !== undefined
          ? await this.#identifyCookie(cookie)
          : await this.#identifyBearer(authorization);
    const user = this.#proxyUsers?.userOf(request);
    if (user !== undefined) return { ...rightsOf(caller), author: user };
    if (this.#proxyUsers && this.#auth.mode === 'none') {
      const detail = 'This server is used through its authenticating proxy, which says who calls.';
      throw new Problem(403, 'caller-refused', detail);
    }
    return caller;
  }

  async #identifyBearer(authorization: string | undefined): Promise<Caller> {
    const auth = this.#auth;
    const token = bearerOf(authorization ?? '') ?? '';
    if (auth.mode === 'kubernetes' && isToken(token)) return auth.callers.caller(token, AbortSignal.timeout(ASK_MS));
    if (auth.mode === 'token' && sameSecret(token, auth.token)) return this.#everybody;
    throw this.#unauthenticated();
  }

  /** What goes on for long ends some time after its login did. */
  async #identifyCookie(cookie: string): Promise<Caller> {
    const auth = this.#auth;
    const demandLogin = () => {
      if (this.#ended.has(cookie)) throw this.#unauthenticated();
    };
    demandLogin();
    if (auth.mode === 'token' && !this.#proves(cookie, auth.token)) throw this.#unauthenticated();
    if (auth.mode === 'kubernetes' && !isToken(cookie)) throw this.#unauthenticated();
    const caller = auth.mode === 'kubernetes' ? await auth.callers.caller(cookie, AbortSignal.timeout(ASK_MS)) : this.#everybody;
    const demand = async (ask: Ask, signal: AbortSignal) => {
      demandLogin();
      await caller.demand(ask, signal);
    };
    return { ...rightsOf(caller), author: caller.author, demand };
  }

  #unauthenticated(): Problem {
    const [realm, token] =
      this.#auth.mode === 'kubernetes'
        ? ['kubernetes', '<token of the cluster>", for instance from kubectl create token,']
        : ['swe-agent', '<API_TOKEN>",'];
    const detail = `Send the header "Authorization: Bearer ${token} or log in: POST /login {"token": "…"}.`;
    return new Problem(401, 'unauthenticated', detail, { headers: { 'WWW-Authenticate': `Bearer realm="${realm}"` } });
  }

  /** What a login with the token is kept by, and for how long. @throws Problem 401 */
  async #cookieFor(token: unknown): Promise<{ cookie: string; seconds: number }> {
    const auth = this.#auth;
    if (auth.mode === 'kubernetes') {
      if (!isToken(token)) throw unknownToken();
      await auth.callers.caller(token, AbortSignal.timeout(ASK_MS));
      return { cookie: token, seconds: this.#secondsLeft(token) };
    }
    if (auth.mode !== 'token' || typeof token !== 'string' || !sameSecret(token, auth.token)) {
      throw new Problem(401, 'wrong-token', 'The token is not the one that the server was started with (API_TOKEN).');
    }
    // Each login has a cookie of its own, which can be ended alone.
    const login = `${Math.floor(this.#now() / 1000) + LOGIN_SECONDS}.${randomBytes(12).toString('base64url')}`;
    return { cookie: `${login}.${sign(login, auth.token)}`, seconds: LOGIN_SECONDS };
  }

  #proves(cookie: string, token: string): boolean {
    const [, login = '', expires = '', signature = ''] = /^((\d{1,12})\.[\w-]{16})\.([\w-]+)$/.exec(cookie) ?? [];
    return login !== '' && Number(expires) * 1000 > this.#now() && sameSecret(signature, sign(login, token));
  }

  #setCookie(request: Request, response: Response, value: string, maxAge: number): void {
    const secure = this.#proxies.isSecure(request) ? '; Secure' : '';
    response.append('Set-Cookie', `${COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`);
  }

  /** Until the token ends, where it says so: the cookie has no reason to stay longer. */
  #secondsLeft(token: string): number {
    const end = expiryOf(token);
    if (end === undefined) return CLUSTER_LOGIN_SECONDS;
    return Math.max(1, Math.min(LOGIN_SECONDS, end - Math.floor(this.#now() / 1000)));
  }
}

/** Without the name, which may be asked for anew each time. */
function rightsOf({ rights, kube, demand, may }: Caller): Omit<Caller, 'author'> {
  return { rights, kube, demand, may };
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
function sign(login: string, token: string): string {
  return createHmac('sha256', token).update(`swe-agent login until ${login}`).digest('base64url');
}

function cookieOf(request: Request): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const text = pair.trim();
    if (text.startsWith(`${COOKIE}=`)) return text.slice(COOKIE.length + 1);
  }
  return undefined;
}
