/** Reads server-sent events as they come. */
import http from 'node:http';

export type ServerEvent = { id: string | undefined; event: string; data: unknown };

export class EventSource implements AsyncDisposable {
  readonly events: ServerEvent[] = [];
  readonly comments: string[] = [];
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Resolves when the server ended the stream. */
  readonly ended: Promise<void>;
  readonly #response: http.IncomingMessage;

  private constructor(response: http.IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    });
    response.on('error', () => {});
    this.ended = new Promise((resolve) => response.once('close', () => resolve()));
  }

  static open(url: string, headers: Record<string, string> = {}): Promise<EventSource> {
    return new Promise((resolve, reject) => {
      http.get(url, { headers, agent: false }, (response) => resolve(new EventSource(response))).on('error', reject);
    });
  }

  /** Stops taking anything, without leaving. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#response.destroy();
    await this.ended;
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
      }),
    );
    const comment = fields.get('');
    if (comment !== undefined) this.comments.push(comment);
    const data = fields.get('data');
    if (data !== undefined) this.events.push({ id: fields.get('id'), event: fields.get('event') ?? '', data: JSON.parse(data) });
  }
}
