/** An address that stays while the system behind it ends and comes back at another port, as a name in front of it would. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type SteadyDoor = AsyncDisposable & { url: string };

/** @param target the system's address now; asked for with every connection, which is refused while nothing is there */
export async function steadyDoor(target: () => string): Promise<SteadyDoor> {
  const open = new Set<Socket>();
  const kept = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A connection that breaks on one side is broken on the other; nobody else needs to know.
    socket.on('error', () => undefined);
    return socket;
  };
  const server = createServer((incoming) => {
    const { hostname, port } = new URL(target());
    const outgoing = kept(connect(Number(port), hostname));
    kept(incoming);
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
    outgoing.once('close', () => incoming.destroy());
    incoming.once('close', () => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the door has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
}
