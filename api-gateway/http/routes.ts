/** Routes in one table per path: what is not in it is answered with 405 and the methods that are. */
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { Problem } from './problem.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** The signal aborts when the caller has gone or the answer takes too long. */
export type Handler = (request: Request, response: Response, signal: AbortSignal) => Promise<void> | void;
export type RouteTable = Readonly<Record<string, Partial<Record<Method, Handler>>>>;

/** How long a handler may take, in milliseconds. Streams end by themselves. */
const DEADLINE_MS = 15_000;

/** @param before runs before each handler of the table */
export function mount(app: Express, table: RouteTable, ...before: RequestHandler[]): void {
  for (const [path, handlers] of Object.entries(table)) {
    const route = app.route(path);
    const methods = Object.keys(handlers).map((method) => method.toUpperCase());
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    const { get, post, put, patch, delete: remove } = handlers;
    if (get) route.get(...before, wrap(get));
    if (post) route.post(...before, wrap(post));
    if (put) route.put(...before, wrap(put));
    if (patch) route.patch(...before, wrap(patch));
    if (remove) route.delete(...before, wrap(remove));
    route.options((_request: Request, response: Response) => {
      response.set('Allow', allow).status(204).end();
    });
    route.all((request: Request) => {
      const detail = `${request.method} is not possible here; use ${allow}.`;
      throw new Problem(405, 'method-not-allowed', detail, { headers: { Allow: allow } });
    });
  }
}

function wrap(handler: Handler): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the caller has gone')));
    try {
      await handler(request, response, AbortSignal.any([gone.signal, AbortSignal.timeout(DEADLINE_MS)]));
    } catch (error) {
      if (!response.destroyed) next(error);
    }
  };
}

/** A parameter of the path. */
export function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
