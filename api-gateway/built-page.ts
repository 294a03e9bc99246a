/**
 * The web page as it was built: one index for all of its addresses, and assets whose names say what is in them. Only files
 * that were found in the folder are served, by the name that they were found under, so no address leads anywhere else.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { errorCode } from '../operator/error-code.ts';
import { Problem } from './http/problem.ts';

/** Where the page's own addresses begin; what is shown there is the page's to say. */
const ROUTES = ['/sessions', '/settings', '/login'];

/** No inline script or style, and nothing from anywhere else. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Ends of the names of compressed variants, the smallest first. */
const ENCODINGS = [
  { encoding: 'br', end: '.br' },
  { encoding: 'gzip', end: '.gz' },
] as const;

type Build = {
  /** Tells this build from another one. */
  version: string;
  /** Paths of files as they are asked for, such as `/assets/index-1a2b.js`. */
  files: ReadonlySet<string>;
};

/**
 * Serves what is in `folder`; passes on every request that is not the page's, and all of them while nothing is built there.
 * A page that is built again is served without a restart.
 */
export function builtPage(folder: string): RequestHandler {
  let build: Build | undefined;

  async function current(): Promise<Build | undefined> {
    const version = await versionOf(join(folder, 'index.html'));
    if (version === undefined) return undefined;
    if (build?.version !== version) build = { version, files: await filesOf(folder) };
    return build;
  }

  return async (request: Request, response: Response, next: NextFunction) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    const asset = request.path.startsWith('/assets/');
    const index = !asset && isPage(request);
    if (!asset && !index && !/^\/[\w-]+\.\w+$/.test(request.path)) return next();
    const found = await current();
    if (!found) return next();
    if (index) return send(request, response, found, '/index.html');
    if (found.files.has(request.path) && !isVariant(request.path)) return send(request, response, found, request.path);
    if (!asset) return next();
    throw otherBuild();
  };

  async function send(request: Request, response: Response, { files }: Build, path: string): Promise<void> {
    const variant = ENCODINGS.find(({ encoding, end }) => files.has(path + end) && request.acceptsEncodings(encoding));
    const bytes = await readFile(join(folder, path + (variant?.end ?? ''))).catch((error: unknown) => {
      throw errorCode(error) === 'ENOENT' ? otherBuild() : error;
    });
    response.locals.route = path === '/index.html' ? 'page' : 'page asset';
    response.vary('Accept-Encoding');
    if (variant) response.set('Content-Encoding', variant.encoding);
    response.set({ 'Content-Security-Policy': POLICY, ETag: `"${createHash('sha256').update(bytes).digest('base64url')}"` });
    const immutable = path.startsWith('/assets/');
    if (path === '/index.html') response.vary('Accept');
    response.set('Cache-Control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    response.type(path.slice(path.lastIndexOf('.') + 1)).send(bytes);
  }
}

/** The page that asks is of an earlier build. */
function otherBuild(): Problem {
  return new Problem(404, 'no-such-route', 'This build of the page has no such file. Load the page again.');
}

/** Whether a browser asks for an address of the page; everybody else gets what the API has there. */
function isPage(request: Request): boolean {
  const { path } = request;
  if (path !== '/' && !ROUTES.some((route) => path === route || path.startsWith(`${route}/`))) return false;
  return request.accepts(['text/plain', 'text/html']) === 'text/html';
}

function isVariant(path: string): boolean {
  return ENCODINGS.some(({ end }) => path.endsWith(end));
}

async function versionOf(index: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size, isFile } = await stat(index).then((found) => ({ ...found, isFile: found.isFile() }));
    return isFile ? `${ino} ${mtimeMs} ${size}` : undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Every plain file of the build by its path; links and hidden files are none of it. */
async function filesOf(folder: string): Promise<Set<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.flatMap((entry) => {
    const path = `/${relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/')}`;
    return entry.isFile() && !path.includes('/.') ? [path] : [];
  });
  return new Set(paths);
}
