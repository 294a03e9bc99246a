import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../../test/support/eventually.ts';
import { holdingConnections } from './connections.ts';

describe('a connection that a library opened', () => {
  let server: Server;
  let sockets: Set<Socket>;
  beforeEach(async () => {
    sockets = new Set();
    // Never answers by itself.
    server = createServer(() => undefined);
    server.on('upgrade', (_request, socket) => socket.resume().once('end', () => socket.end()));
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  /** As the library does it: nothing of the connection comes out, and its end is all that is told. */
  async function follow(onOpen: () => void = () => undefined): Promise<string> {
    await Promise.resolve();
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.on('open', onOpen);
    socket.on('error', () => resolve('failed'));
    socket.on('close', () => resolve('closed'));
    return promise;
  }

  it('is ended while nobody answers it at all', async () => {
    const holding = holdingConnections(() => follow());
    await eventually('the connection', () => sockets.size === 1);
    holding[Symbol.dispose]();
    expect(await holding.result).toBe('failed');
    await eventually('its end', () => sockets.size === 0);
  });

  it('is ended after it became a WebSocket over which nothing comes', async () => {
    const webSockets = new WebSocketServer({ server });
    const opened = Promise.withResolvers<void>();
    const holding = holdingConnections(() => follow(opened.resolve));
    await opened.promise;
    expect(webSockets.clients.size).toBe(1);
    holding[Symbol.dispose]();
    expect(await holding.result).toBe('closed');
    await eventually('its end', () => webSockets.clients.size === 0);
  });

  it('is ended as soon as it is opened by work that is not wanted any more', async () => {
    const holding = holdingConnections(() => follow());
    holding[Symbol.dispose]();
    expect(await holding.result).toBe('failed');
    await eventually('its end', () => sockets.size === 0);
  });

  it('is left alone when it belongs to other work', async () => {
    const holding = holdingConnections(() => follow());
    const other = holdingConnections(() => follow());
    await eventually('the connections', () => sockets.size === 2);
    holding[Symbol.dispose]();
    expect(await holding.result).toBe('failed');
    await eventually('its end', () => sockets.size === 1);
    other[Symbol.dispose]();
    expect(await other.result).toBe('failed');
  });
});
