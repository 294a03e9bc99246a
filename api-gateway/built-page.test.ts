import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestGateway } from '../test/support/gateway.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const INDEX = '<!doctype html><script type="module" src="/assets/index-1a.js"></script>';
const SCRIPT = 'console.log("hello")';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let gateway: TestGateway;
const dist = () => join(folder.path, 'ui/dist');

beforeEach(async () => {
  folder = await temporaryFolder();
  gateway = await TestGateway.start({ page: dist() });
});
afterEach(async () => {
  await gateway.close();
  await folder[Symbol.asyncDispose]();
});

async function build(index = INDEX): Promise<void> {
  await mkdir(join(dist(), 'assets'), { recursive: true });
  await writeFile(join(dist(), 'assets/index-1a.js'), SCRIPT);
  await writeFile(join(dist(), 'assets/index-1a.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(join(dist(), 'assets/index-1a.js.gz'), gzipSync(SCRIPT));
  await writeFile(join(dist(), 'assets/inter.woff2'), 'font');
  await writeFile(join(dist(), 'assets/.hidden'), 'hidden');
  await writeFile(join(dist(), 'favicon.svg'), '<svg/>');
  await writeFile(join(folder.path, 'ui/secret.txt'), 'outside');
  await rm(join(dist(), 'assets/link.txt'), { force: true });
  await symlink(join(folder.path, 'ui/secret.txt'), join(dist(), 'assets/link.txt'));
  await writeFile(join(dist(), 'index.html'), index);
}

describe('the page', () => {
  it.each(['/', '/sessions', '/sessions/some-id', '/sessions/new?from=a', '/settings/profiles/new', '/login'])(
    'is what a browser gets at %s',
    async (path) => {
      await build();
      const answer = await gateway.get(path, BROWSER);
      expect([answer.status, answer.text]).toEqual([200, INDEX]);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        vary: 'Accept-Encoding, Accept',
      });
    },
  );

  it('is not what anybody else gets, nor what other addresses have', async () => {
    await build();
    const text = await gateway.get('/', { accept: '*/*' });
    expect([text.headers['content-type'], text.text]).toEqual([
      'text/plain; charset=utf-8',
      expect.stringContaining('curl -X POST'),
    ]);
    expect((await gateway.get('/sessions')).status).toBe(404);
    expect((await gateway.get('/login')).status).toBe(405);
    expect((await gateway.get('/agent/sessions', BROWSER)).headers['content-type']).toContain('application/json');
    expect((await gateway.get('/sessionsx', BROWSER)).status).toBe(404);
  });

  it('needs no token, which is asked for by what it shows', async () => {
    await build();
    await using closed = await TestGateway.start({ page: dist(), auth: { mode: 'token', token: 'a-token-of-this-test' } });
    expect((await closed.get('/sessions', BROWSER)).status).toBe(200);
    expect((await closed.get('/assets/index-1a.js')).status).toBe(200);
    expect((await closed.get('/agent/sessions', BROWSER)).status).toBe(401);
  });

  it('is a text for people while nothing is built, and there as soon as it is', async () => {
    expect((await gateway.get('/', BROWSER)).text).toContain('<h1>SWE Agent</h1>');
    expect((await gateway.get('/sessions', BROWSER)).status).toBe(404);
    expect((await gateway.get('/assets/index-1a.js')).status).toBe(404);
    await build();
    expect((await gateway.get('/', BROWSER)).text).toBe(INDEX);
  });

  it('is sent once, and again only when it was built again', async () => {
    await build();
    const { headers } = await gateway.get('/sessions', BROWSER);
    const again = { ...BROWSER, 'if-none-match': String(headers.etag) };
    const same = await gateway.get('/settings', again);
    expect([same.status, same.text]).toEqual([304, '']);
    await build(`${INDEX}<p>more`);
    expect((await gateway.get('/settings', again)).text).toBe(`${INDEX}<p>more`);
  });

  it('answers HEAD with its headers alone', async () => {
    await build();
    const answer = await gateway.send('/sessions', { method: 'HEAD', headers: BROWSER });
    expect([answer.status, answer.headers['content-length'], answer.text]).toEqual([200, String(INDEX.length), '']);
  });
});

describe('an asset', () => {
  it('may be kept for good', async () => {
    await build();
    const answer = await gateway.get('/assets/index-1a.js');
    expect([answer.status, answer.text]).toEqual([200, SCRIPT]);
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      vary: 'Accept-Encoding',
    });
    expect((await gateway.get('/assets/inter.woff2')).headers['content-type']).toBe('font/woff2');
    const icon = await gateway.get('/favicon.svg');
    expect([icon.status, icon.headers['cache-control']]).toEqual([200, 'no-cache']);
  });

  it.each([
    ['gzip, deflate, br', 'br', brotliDecompressSync],
    ['gzip, deflate', 'gzip', gunzipSync],
    ['br;q=0, gzip', 'gzip', gunzipSync],
    ['identity', undefined, (bytes: Buffer) => bytes],
  ])('comes compressed as was made for %s', async (accepted, encoding, unpack) => {
    await build();
    const answer = await gateway.get('/assets/index-1a.js', { 'accept-encoding': accepted });
    expect([answer.headers['content-encoding'], String(unpack(answer.bytes))]).toEqual([encoding, SCRIPT]);
    expect(answer.headers['content-type']).toBe('text/javascript; charset=utf-8');
  });

  it.each([
    '/assets/../../secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/assets/link.txt',
    '/assets/.hidden',
    '/assets/index-1a.js.br',
    '/assets/index-1a.js%00',
    '/assets//etc/passwd',
    '/assets/',
    '/assets/other.js',
  ])('is none at %s', async (path) => {
    await build();
    const answer = await gateway.get(path);
    expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(answer.text).not.toContain('outside');
  });

  it('is measured as one of the page, without its name', async () => {
    await build();
    await gateway.get('/assets/index-1a.js');
    await gateway.get('/sessions', BROWSER);
    const { text } = await gateway.get('/metrics');
    expect(text).toContain('{method="GET",route="page asset",status="200"} 1');
    expect(text).toContain('{method="GET",route="page",status="200"} 1');
    expect(text).not.toContain('index-1a');
  });
});
