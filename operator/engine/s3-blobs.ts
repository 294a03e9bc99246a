/**
 * Blobs in an S3-compatible store, as objects `<prefix>/<uid>/sha256-<hex>`. A blob is one object, sent and read whole, and
 * is checked against its name whenever it is read. Any number of processes may use the same bucket.
 */
import type { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import type { ListObjectsV2Output, S3Client } from '@aws-sdk/client-s3';
import { sleep } from '../clock.ts';
import { backoffMs } from '../kube/backoff.ts';
import { Agent as HttpAgent } from '../node-http.ts';
import type { SecretText } from '../secret-text.ts';
import { BlobMissingError, type BlobRef, type BlobStore, BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import { blobRefOf, checkBytes, checkName, checkUid } from './blob-name.ts';
import { failureOf } from './s3-blobs-failure.ts';

/** Where blobs are kept, and as whom. */
export type S3Place = {
  readonly bucket: string;
  readonly region: string;
  /** Begins all keys, and keeps installations apart; without `/` at its ends. */
  readonly prefix: string;
  /** Scheme, host and port of a store that is not Amazon's. */
  readonly endpoint?: string;
  /** The bucket is named in the path of an address, not in its host. */
  readonly forcePathStyle: boolean;
  /** Without them, the SDK looks where it always does: a role of the service account, of the container or of the machine. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: SecretText;
    readonly sessionToken?: SecretText;
  };
};

export type S3BlobStoreOptions = {
  place: S3Place;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, when they shall be honoured. */
  proxyEnv?: Readonly<Record<string, string | undefined>>;
  random?: () => number;
  /** Those that differ from DEADLINES. */
  deadlines?: Partial<S3Deadlines>;
  /** Largest blob, in bytes: it is in memory whole, more than once. */
  largest?: number;
  /** Keys in one answer to a listing, at most 1000. */
  pageSize?: number;
};

/** In ms. */
export type S3Deadlines = {
  /** Until a connection is there. */
  connectMs: number;
  /** How long nothing may come or go on a connection. */
  silenceMs: number;
  /** For one try of a request without content; content gets time for its size on top. */
  tryMs: number;
  /** No further try is begun after this. */
  patienceMs: number;
};

type Sdk = typeof import('@aws-sdk/client-s3');
type Client = { sdk: Sdk; s3: S3Client };

const DEADLINES: S3Deadlines = { connectMs: 3_000, silenceMs: 20_000, tryMs: 30_000, patienceMs: 15_000 };
const MIB = 1024 * 1024;
const LARGEST = 1024 * MIB;
/** The slowest line that is waited for. */
const BYTES_PER_MS = 128;
const TRIES = 5;
const BACKOFF = { baseMs: 100, maxMs: 2_000 };
const PAGE_SIZE = 1_000;
/** Objects of a page that are removed at the same time. One by one: what removes many at once differs between stores. */
const REMOVERS = 16;
const SOCKETS = 64;

export class S3BlobStore implements BlobStore {
  readonly #place: S3Place;
  readonly #deadlines: S3Deadlines;
  readonly #largest: number;
  readonly #pageSize: number;
  readonly #random: () => number;
  readonly #closing = new AbortController();
  readonly #agents: { httpAgent: Agent; httpsAgent: HttpsAgent };
  #client: Promise<Client> | undefined;

  /** Reaches for nothing, and loads the client with the first use. */
  constructor(options: S3BlobStoreOptions) {
    this.#place = options.place;
    this.#deadlines = { ...DEADLINES, ...options.deadlines };
    this.#largest = options.largest ?? LARGEST;
    this.#pageSize = options.pageSize ?? PAGE_SIZE;
    this.#random = options.random ?? Math.random;
    const { proxyEnv } = options;
    const agent = { keepAlive: true, maxSockets: SOCKETS, ...(proxyEnv && { proxyEnv: { ...proxyEnv } }) };
    this.#agents = { httpAgent: new HttpAgent(agent), httpsAgent: new HttpsAgent(agent) };
  }

  /** The store, for people: never with credentials. */
  get where(): string {
    const { bucket, prefix, endpoint, region } = this.#place;
    return `s3://${bucket}/${prefix} (${endpoint ?? region})`;
  }

  /** Looks into the bucket. @throws BlobUnavailableError that says what to change, when it cannot be used */
  async check(): Promise<void> {
    await this.#list(`${this.#place.prefix}/`, { MaxKeys: 1 });
  }

  async put(uid: string, bytes: Uint8Array): Promise<BlobRef> {
    checkUid(uid);
    if (bytes.byteLength > this.#largest) throw this.#tooLarge(uid, bytes.byteLength);
    const ref = blobRefOf(bytes);
    await this.#request('cannot store a blob', bytes.byteLength, async ({ sdk, s3 }, abortSignal) => {
      const input = { ...this.#object(uid, ref), Body: bytes, ContentLength: bytes.byteLength };
      await s3.send(new sdk.PutObjectCommand(input), { abortSignal });
    });
    return ref;
  }

  async get(uid: string, ref: BlobRef, signal?: AbortSignal): Promise<Uint8Array> {
    checkUid(uid);
    checkName(uid, ref);
    signal?.throwIfAborted();
    // Whoever only knows the name says 0.
    const most = ref.bytes > 0 ? ref.bytes : this.#largest;
    const what = 'cannot read a blob';
    const bytes = await this.#request(
      what,
      most,
      async ({ sdk, s3 }, abortSignal) => {
        const { Body } = await s3.send(new sdk.GetObjectCommand(this.#object(uid, ref)), { abortSignal });
        if (!(Body instanceof Readable)) throw new TypeError('the client gave no stream');
        return await readAll(Body, most);
      },
      signal,
    );
    if (bytes === 'missing') throw new BlobMissingError(`session ${uid}: there is no blob ${ref.blob}`);
    if (bytes === 'more')
      throw new BlobMissingError(`session ${uid}: blob ${ref.blob} is damaged, it has more than ${most} bytes`);
    return checkBytes(uid, ref, bytes);
  }

  async delete(uid: string): Promise<void> {
    checkUid(uid);
    for await (const { Contents = [] } of this.#pages(`${this.#place.prefix}/${uid}/`)) {
      const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key])).values();
      // They share one iterator.
      await Promise.all(Array.from({ length: REMOVERS }, () => this.#remove(keys)));
    }
  }

  async sessions(): Promise<string[]> {
    const begin = `${this.#place.prefix}/`;
    const found: string[] = [];
    for await (const { CommonPrefixes = [] } of this.#pages(begin, '/')) {
      for (const { Prefix = '' } of CommonPrefixes) {
        const uid = Prefix.slice(begin.length, -1);
        if (isUid(uid)) found.push(uid);
      }
    }
    return found;
  }

  /** Everything that is asked for, now or later, fails with BlobUnavailableError. */
  async close(): Promise<void> {
    this.#closing.abort();
    const client = await this.#client?.catch(() => undefined);
    client?.s3.destroy();
    this.#agents.httpAgent.destroy();
    this.#agents.httpsAgent.destroy();
  }

  async #remove(keys: Iterator<string>): Promise<void> {
    for (let next = keys.next(); !next.done; next = keys.next()) {
      const input = { Bucket: this.#place.bucket, Key: next.value };
      await this.#request('cannot remove blobs', 0, ({ sdk, s3 }, abortSignal) =>
        s3.send(new sdk.DeleteObjectCommand(input), { abortSignal }),
      );
    }
  }

  async *#pages(prefix: string, delimiter?: string): AsyncGenerator<ListObjectsV2Output> {
    for (let token: string | undefined; ; ) {
      const page = await this.#list(prefix, {
        MaxKeys: this.#pageSize,
        ...(delimiter !== undefined && { Delimiter: delimiter }),
        ...(token !== undefined && { ContinuationToken: token }),
      });
      yield page;
      token = page.NextContinuationToken;
      if (!page.IsTruncated || token === undefined) return;
    }
  }

  async #list(
    prefix: string,
    more: { MaxKeys: number; Delimiter?: string; ContinuationToken?: string },
  ): Promise<ListObjectsV2Output> {
    const input = { Bucket: this.#place.bucket, Prefix: prefix, ...more };
    const page = await this.#request('cannot list blobs', 0, ({ sdk, s3 }, abortSignal) =>
      s3.send(new sdk.ListObjectsV2Command(input), { abortSignal }),
    );
    return page === 'missing' ? {} : page;
  }

  #object(uid: string, { blob }: BlobRef): { Bucket: string; Key: string } {
    return { Bucket: this.#place.bucket, Key: `${this.#place.prefix}/${uid}/${blob}` };
  }

  /**
   * Asks until there is an answer, the fault is none that passes, or it takes too long; all requests may be repeated.
   * @param what cannot be done then, for the message
   * @param bytes that are sent or read, at most
   * @returns 'missing' when there is no such object
   * @throws BlobUnavailableError | BlobTooLargeError, or the signal's reason when it aborts
   */
  async #request<T>(
    what: string,
    bytes: number,
    work: (client: Client, signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T | 'missing'> {
    const last = Date.now() + this.#deadlines.patienceMs;
    const stopped = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    for (let tries = 1; ; tries++) {
      const deadline = AbortSignal.timeout(this.#deadlines.tryMs + Math.ceil(bytes / BYTES_PER_MS));
      let cause: unknown;
      try {
        stopped.throwIfAborted();
        return await work(await this.#loaded(), AbortSignal.any([stopped, deadline]));
      } catch (error) {
        cause = error;
      }
      signal?.throwIfAborted();
      if (this.#closing.signal.aborted) throw new BlobUnavailableError(`${this.where}: ${what} (it is closed)`, { cause });
      const failure = failureOf(cause, this.#place);
      if (failure.kind === 'missing') return 'missing';
      const message = `${this.where}: ${what}: ${failure.message}`;
      if (failure.kind === 'too-large') throw new BlobTooLargeError(message, { cause });
      if (failure.kind === 'lasting' || tries === TRIES || Date.now() > last) throw new BlobUnavailableError(message, { cause });
      // Why it ended is found out at the next try.
      await sleep(backoffMs(tries, BACKOFF, this.#random), stopped).catch(() => undefined);
    }
  }

  #loaded(): Promise<Client> {
    this.#client ??= this.#load();
    return this.#client;
  }

  async #load(): Promise<Client> {
    const sdk = await import('@aws-sdk/client-s3');
    const { region, endpoint, forcePathStyle, credentials } = this.#place;
    const { connectMs, silenceMs } = this.#deadlines;
    const s3 = new sdk.S3Client({
      region,
      forcePathStyle,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && {
        credentials: {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: credentials.secretAccessKey.reveal(),
          ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.reveal() }),
        },
      }),
      // Repeated above, where reading the content belongs to a try.
      maxAttempts: 1,
      // The name says what the content is; not every store knows these checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // It would take a connection beside the proxy.
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: connectMs, socketTimeout: silenceMs, ...this.#agents },
    });
    return { sdk, s3 };
  }

  #tooLarge(uid: string, bytes: number): BlobTooLargeError {
    const mib = (size: number) => `${Math.ceil((size / MIB) * 10) / 10} MiB`;
    return new BlobTooLargeError(
      `session ${uid}: the blob store ${this.where} takes at most ${mib(this.#largest)} at once, and cannot store one of ${mib(bytes)}. Let the session change less`,
    );
  }
}

/** All of a stream; 'more' when that is above so many bytes. */
async function readAll(stream: Readable, most: number): Promise<Uint8Array | 'more'> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the client gave no bytes');
    length += chunk.byteLength;
    // Leaving the loop ends the connection.
    if (length > most) return 'more';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function isUid(text: string): boolean {
  try {
    checkUid(text);
    return true;
  } catch {
    return false;
  }
}
