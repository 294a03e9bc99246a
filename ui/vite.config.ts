/** How the page is built, and served while somebody works on it. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { defineConfig } from 'vite';
import { firstPaint } from './build/first-paint.ts';
import { inputs } from './build/inputs.ts';

/** Where the server runs that the page talks to while it is developed. */
const SERVER = 'http://127.0.0.1:8000';
/** The rules that the gateway serves the page with, so that `preview` breaks where the gateway would. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export default defineConfig(({ mode }) => {
  const target = mode.startsWith('http') ? mode : SERVER;
  const proxy = {
    '/agent': { target, changeOrigin: true, headers: { origin: target } },
    '/openapi.json': { target, changeOrigin: true },
    '/healthz': { target, changeOrigin: true },
    '/logout': { target, changeOrigin: true, headers: { origin: target } },
    '/login': {
      target,
      changeOrigin: true,
      headers: { origin: target },
      bypass: (request: IncomingMessage) => (request.method === 'POST' ? undefined : '/index.html'),
    },
  };
  return {
    root: import.meta.dirname,
    publicDir: false,
    cacheDir: join(import.meta.dirname, '../.cache/vite'),
    plugins: [firstPaint(), inputs()],
    build: {
      target: ['chrome120', 'firefox121', 'safari17.4'],
      // Nothing as data: in a style sheet; the page's policy has fonts from files only.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      sourcemap: false,
      rolldownOptions: {
        onLog(level, log, tell) {
          // What libraries mark for servers that render; nothing is rendered on a server here.
          if (log.code !== 'MODULE_LEVEL_DIRECTIVE') tell(level, log);
        },
      },
    },
    server: { host: '127.0.0.1', proxy },
    preview: { host: '127.0.0.1', proxy, headers: { 'Content-Security-Policy': POLICY } },
  };
});
