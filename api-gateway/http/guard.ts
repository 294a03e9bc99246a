/**
 * Keeps other web sites out of a server that trusts who reaches it. A page of another origin may make a browser send
 * requests here, and a name that its owner points at this address (DNS rebinding) makes them look like its own.
 */
import { isIP } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { Problem } from './problem.ts';

export type GuardRules = {
  /** Whether only this machine can connect. */
  loopback: () => boolean;
  /** Names under which the server is reached besides those that are safe by themselves; `.example.com` allows all below it. */
  allowedHosts: readonly string[];
};

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export function guard(rules: GuardRules) {
  return (request: Request, _response: Response, next: NextFunction): void => {
    const host = request.headers.host ?? '';
    if (!hostAllowed(host, rules)) {
      const detail = `The Host header names ${JSON.stringify(host.slice(0, 100))}, which is not a name of this server. Use localhost, or add the name to SWE_AGENT_ALLOWED_HOSTS.`;
      throw new Problem(403, 'foreign-host', detail);
    }
    if (!SAFE_METHODS.has(request.method) && isForeign(request, host)) {
      throw new Problem(403, 'foreign-origin', 'A page of another origin may not change anything here.');
    }
    next();
  };
}

function isForeign(request: Request, host: string): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== canonical(host, origin);
}

/** The Host header as the URL of the origin would have it: without a port that is the scheme's own. */
function canonical(host: string, origin: string): string {
  const url = `${origin.split(':', 1)[0]}://${host}`;
  return URL.canParse(url) ? new URL(url).host : host;
}

/** Whether a Host header names this server. */
export function hostAllowed(host: string, rules: GuardRules): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname, pathname, username } = new URL(`http://${host}`);
  if (pathname !== '/' || username !== '' || hostname === '') return false;
  const name = hostname.replace(/\.$/, '');
  if (isLoopbackName(name) || listed(name, rules.allowedHosts)) return true;
  // Where others can connect, an address, a name without a dot and a name of the cluster cannot be pointed here by a stranger.
  return !rules.loopback() && (isAddress(name) || !name.includes('.') || /\.svc(\.cluster\.local)?$/.test(name));
}

function listed(name: string, allowed: readonly string[]): boolean {
  return allowed.some((one) => (one.startsWith('.') ? name.endsWith(one.toLowerCase()) : name === one.toLowerCase()));
}

/** Whether an address or name to listen on can be reached from this machine only. */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}
