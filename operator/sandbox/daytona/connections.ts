/**
 * Ends connections that a library opens and gives no way to close: one that never says anything would stay, with all that
 * waits for it, for as long as the process does. Node tells of every request as it is made, and of whom it is made for.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';

const CREATED = 'http.client.request.created';

type Held = { requests: Set<ClientRequest>; over: boolean };

/** Whose work it is in whose course something happens. */
const current = new AsyncLocalStorage<Held>();
/** How many works there are: one listener is enough for all of them. */
let works = 0;

export type Holding<T> = Disposable & {
  /** What comes of the work; to be handled by whoever asked for it. */
  result: Promise<T>;
};

/**
 * Does the work. Disposing of what is returned ends every connection that was or will be opened in the course of it, one that
 * became a WebSocket and one that is still being made alike; the work hears of that as of a connection that broke.
 */
export function holdingConnections<T>(work: () => Promise<T>): Holding<T> {
  const held: Held = { requests: new Set(), over: false };
  if (works++ === 0) subscribe(CREATED, take);
  const result = current.run(held, work);
  const settled = (): void => {
    if (--works === 0) unsubscribe(CREATED, take);
    held.requests.clear();
  };
  result.then(settled, settled);
  return {
    result,
    [Symbol.dispose]: () => {
      held.over = true;
      for (const request of held.requests) end(request);
    },
  };
}

function take(message: unknown): void {
  const held = current.getStore();
  if (!held) return;
  const request = typeof message === 'object' && message !== null && 'request' in message ? message.request : undefined;
  if (!(request instanceof ClientRequest)) return;
  // Whoever made it listens to it only after this.
  if (held.over) queueMicrotask(() => end(request));
  else held.requests.add(request);
}

/** Whether or not it was answered: the end of a request that became a WebSocket is not the end of its connection. */
function end(request: ClientRequest): void {
  request.destroy();
  request.socket?.destroy();
}
