import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../test/support/certificate.ts';
import { RESOURCES } from './api/resources.ts';
import { type Cluster, withoutCredentials } from './cluster.ts';
import { HttpKubeClient } from './kube/http-client.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

it('acts for callers with their token alone: no certificate and no header of the process goes along', async () => {
  const own = await loopbackCertificate();
  const seen: { certificate: string | undefined; authorization: string | undefined }[] = [];
  // As an API server does: it asks for a certificate, and takes connections without one as well.
  const server = createServer({ ...own, ca: own.cert, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const subject = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate().subject : undefined;
    seen.push({ certificate: subject?.CN?.toString(), authorization: request.headers.authorization });
    response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  stack.defer(() => server.closeAllConnections());
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const endpoint: Cluster['endpoint'] = {
    baseUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: own.cert,
    cert: own.cert,
    key: own.key,
    headers: async () => ({ authorization: 'Bearer of-the-process' }),
    signal: stop.signal,
  };
  await new HttpKubeClient(endpoint).list(RESOURCES.sessions);
  const callers = withoutCredentials({ endpoint }, 'test');
  await callers.withToken('of-a-caller').list(RESOURCES.sessions);
  await callers.list(RESOURCES.sessions);
  expect(seen).toEqual([
    { certificate: 'localhost', authorization: 'Bearer of-the-process' },
    { certificate: undefined, authorization: 'Bearer of-a-caller' },
    { certificate: undefined, authorization: undefined },
  ]);
});
