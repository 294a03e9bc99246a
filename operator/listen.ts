/** Servers of this process: how one comes to listen, and what is said when it cannot. */
import type { Server } from 'node:http';

/** The address or port cannot be listened on; the message says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * Has a server listen; port 0 takes a free one.
 * @param variables the settings that choose port and address, for messages
 * @returns the address, as a URL without a path
 * @throws ListenError
 */
export function listen(
  server: Server,
  { host, port }: { host: string; port: number },
  variables: { port: string; host: string } = { port: 'PORT', host: 'HOST' },
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `port ${port} on ${host}`;
      const why: Record<string, string> = {
        EADDRINUSE: `${where} is in use: stop what listens there, or choose another port with ${variables.port}`,
        EACCES: `${where} may not be used by this user: choose a port above 1023 with ${variables.port}`,
        EADDRNOTAVAIL: `${host} is no address of this machine: set ${variables.host} to one that is`,
      };
      reject(new ListenError(why[error.code ?? ''] ?? `cannot listen at ${where}: ${error.message}`, { cause: error }));
    });
    server.listen(port, host, () => resolve(urlOf(server, host)));
  });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
