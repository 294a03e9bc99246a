/** One watch: the changes that a client asked for, as lines of JSON, until either side ends it. */
import type { ServerResponse } from 'node:http';
import { expired } from './api-status.ts';
import type { ApiObject, JsonObject } from './json.ts';
import type { Change } from './storage.ts';

export type WatchRequest = {
  /** Changes after this revision; undefined begins with all objects that are there. */
  readonly since: number | undefined;
  readonly bookmarks: boolean;
  /** Whether a bookmark marks where the initial objects end. */
  readonly markInitial: boolean;
  readonly timeoutMs: number;
  /** Which objects the client wants to see. */
  readonly matches: (object: ApiObject) => boolean;
  /** The object as the client sees it, for selecting. */
  readonly view: (object: ApiObject) => ApiObject;
  /** The object as it is sent. */
  readonly render: (object: ApiObject) => JsonObject;
  /** An object with nothing but a revision. */
  readonly bookmark: (revision: number, annotations?: Record<string, string>) => JsonObject;
};

type Source = {
  readonly revision: () => number;
  readonly compacted: number;
  readonly list: () => ApiObject[];
  readonly changesSince: (revision: number) => Change[];
  readonly subscribe: (listener: (change: Change) => void) => () => void;
};

const bookmarkEveryMs = 60_000;
/** A client that lets this much pile up is cut off; it can watch again from where it was. */
const maxBuffered = 16 * 1024 * 1024;

export class WatchStream {
  readonly #response: ServerResponse;
  readonly #request: WatchRequest;
  readonly #unsubscribe: () => void;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #revision: () => number;
  #open = true;

  /** Begins to send; the headers are already written. `onEnd` is called once, when the watch is over. */
  constructor(response: ServerResponse, source: Source, request: WatchRequest, onEnd: (stream: WatchStream) => void) {
    this.#response = response;
    this.#request = request;
    this.#revision = source.revision;
    response.on('close', () => {
      this.#stop();
      onEnd(this);
    });
    const { since } = request;
    if (since !== undefined && since < source.compacted) {
      this.#unsubscribe = () => undefined;
      const { status } = expired(`too old resource version: ${since} (${source.compacted})`);
      this.#send('ERROR', status);
      this.end();
      return;
    }
    if (since === undefined) this.#sendInitial(source);
    else for (const change of source.changesSince(since)) this.#onChange(change);
    this.#unsubscribe = source.subscribe((change) => this.#onChange(change));
    this.#timers.push(setTimeout(() => this.#timeOut(), request.timeoutMs).unref());
    if (request.bookmarks) this.#timers.push(setInterval(() => this.#sendBookmark(), bookmarkEveryMs).unref());
  }

  /** Ends the watch as a server does that goes away: without an error. */
  end(): void {
    this.#stop();
    this.#response.end();
  }

  #stop(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#unsubscribe?.();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #timeOut(): void {
    if (this.#request.bookmarks) this.#sendBookmark();
    this.end();
  }

  #sendInitial(source: Source): void {
    for (const object of source.list()) {
      const view = this.#request.view(object);
      if (this.#request.matches(view)) this.#send('ADDED', this.#request.render(view));
    }
    if (this.#request.markInitial) {
      this.#send('BOOKMARK', this.#request.bookmark(source.revision(), { 'k8s.io/initial-events-end': 'true' }));
    }
  }

  /** Every change up to now has been sent: the revision of the whole store is where the client may continue. */
  #sendBookmark(): void {
    this.#send('BOOKMARK', this.#request.bookmark(this.#revision()));
  }

  /** An object that comes to match, or no longer matches, appears and disappears for this client. */
  #onChange(change: Change): void {
    if (!this.#open) return;
    const { matches, view, render } = this.#request;
    const before = change.previous && view(change.previous);
    const matched = before !== undefined && matches(before);
    const now = view(change.object);
    const isMatch = change.type !== 'DELETED' && matches(now);
    if (isMatch) this.#send(matched ? 'MODIFIED' : 'ADDED', render(now));
    else if (matched) {
      const last = change.type === 'DELETED' ? now : before;
      this.#send('DELETED', render({ ...last, metadata: { ...last.metadata, resourceVersion: String(change.revision) } }));
    }
  }

  #send(type: string, object: unknown): void {
    if (this.#response.writableLength > maxBuffered) {
      this.#response.destroy();
      return;
    }
    this.#response.write(`${JSON.stringify({ type, object })}\n`);
  }
}
