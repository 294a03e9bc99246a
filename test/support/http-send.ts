/** One HTTP request as it is written, every header included, over a connection of its own. */
import http from 'node:http';

export type Answer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  bytes: Buffer;
  /** The body as JSON. @throws when it is none */
  json: () => unknown;
};

export type Request = { method?: string; headers?: Record<string, string>; body?: unknown; agent?: http.Agent };

/** @param body a string is sent as it is; everything else as JSON with its content type */
export function send(url: string, { method = 'GET', headers = {}, body, agent }: Request = {}): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const type = body !== undefined && typeof body !== 'string' ? { 'content-type': 'application/json' } : {};
  const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...type, ...length, ...headers }, agent: agent ?? false };
    const request = http.request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const answer = bytes.toString('utf8');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: answer,
          bytes,
          json: () => JSON.parse(answer),
        });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}
