import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpTransport } from './http-transport.ts';
import { LinkLocalAddressError, type Resolve } from './link-local.ts';
import { ModelProviders } from './profiles.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function start(): Promise<number> {
  const server = createServer((_, response) => response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}

/** A transport for which every name has these addresses. */
function transportWhere(...addresses: string[]): HttpTransport {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const resolve: Resolve = (_hostname, _options, done) => done(null, found);
  const transport = new HttpTransport({}, undefined, resolve);
  open.push(transport);
  return transport;
}

const LINK_LOCAL = [
  '169.254.169.254',
  '169.254.0.1',
  '2852039166',
  '0xa9fea9fe',
  '[fe80::1]',
  '[febf::1]',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::169.254.169.254]',
];

describe('a link-local address', () => {
  it.each(LINK_LOCAL)('is not connected to: %s', async (host) => {
    for (const scheme of ['http', 'https'])
      await expect(transportWhere().fetch(`${scheme}://${host}/latest/meta-data/`)).rejects.toThrow(LinkLocalAddressError);
  });

  it.each([['169.254.169.254'], ['fe80::1%eth0', '169.254.1.1'], ['::ffff:169.254.169.254']])(
    'is not connected to when it is what a name stands for: %s',
    async (...addresses) => {
      for (const scheme of ['http', 'https'])
        await expect(transportWhere(...addresses).fetch(`${scheme}://models.example/`)).rejects.toMatchObject({
          cause: expect.any(LinkLocalAddressError),
        });
    },
  );

  it('is left out where a name has others', async () => {
    const port = await start();
    const response = await transportWhere('169.254.169.254', '127.0.0.1').fetch(`http://models.example:${port}/`);
    expect(await response.text()).toBe('here');
  });

  it('keeps no name of this machine from being used', async () => {
    const transport = new HttpTransport();
    open.push(transport);
    const port = await start();
    for (const host of ['localhost', '127.0.0.1'])
      expect(await (await transport.fetch(`http://${host}:${port}/`)).text()).toBe('here');
  });

  it('leaves the error of a name that is not found as it is', async () => {
    const resolve: Resolve = (_hostname, _options, done) =>
      done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    const transport = new HttpTransport({}, undefined, resolve);
    open.push(transport);
    await expect(transport.fetch('http://models.example/')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it.each(['openai', 'azure', 'gemini', 'ollama', 'anthropic', 'openai-compatible'] as const)(
    'makes a profile fail for good, with the reason: %s',
    async (provider) => {
      const providers = new ModelProviders();
      open.push(providers);
      const host = '169.254.169.254';
      const options = { version: '1', credentialHosts: [`http://${host}`] };
      const profile = providers.providerFor({ provider, model: 'm', baseUrl: `http://${host}` }, 'sk-test-0123456789', options);
      await expect(profile.probe(new AbortController().signal)).rejects.toMatchObject({
        name: 'ModelError',
        class: 'access',
        message: expect.stringContaining('link-local'),
      });
    },
  );
});
