import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { describeBlobStore } from '../../test/conformance/blob.ts';
import { PATIENCE_MS } from '../../test/support/eventually.ts';
import { ACCESS_KEY, describeWithS3, S3Server, SECRET_KEY } from '../../test/support/s3-server.ts';
import { SecretText } from '../secret-text.ts';
import { BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import { faultOf } from './faults.ts';
import { S3BlobStore, type S3BlobStoreOptions, type S3Place } from './s3-blobs.ts';

const opened: S3BlobStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

function open(place: S3Place, options: Partial<S3BlobStoreOptions> = {}): S3BlobStore {
  const store = new S3BlobStore({ place, ...options });
  opened.push(store);
  return store;
}

describeWithS3()('On a real S3 server', () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await S3Server.start();
  });
  afterAll(() => s3[Symbol.asyncDispose]());

  describeBlobStore({
    name: 'S3BlobStore',
    async make() {
      const bucket = s3.newBucket();
      return {
        connect: async () => open(s3.place(bucket)),
        async damage(uid, ref, how) {
          const file = s3.fileOf(bucket, `agents/blobs/${uid}/${ref.blob}`);
          const bytes = readFileSync(file);
          writeFileSync(file, how === 'cut' ? bytes.subarray(0, bytes.length / 2) : bytes.fill((bytes[5] ?? 0) ^ 1, 5, 6));
        },
        async [Symbol.asyncDispose]() {
          // What was opened is closed after the test.
        },
      };
    },
  });

  describe('S3BlobStore', () => {
    it('keeps a blob as one object below prefix and session', async () => {
      const bucket = s3.newBucket();
      const ref = await open(s3.place(bucket, { prefix: 'team-a' })).put('a', Buffer.from('bytes'));
      expect(readFileSync(s3.fileOf(bucket, join('team-a', 'a', ref.blob)), 'utf8')).toBe('bytes');
    });

    it('lists and removes what is more than a page, and leaves what is not its own', async () => {
      const bucket = s3.newBucket();
      const store = open(s3.place(bucket), { pageSize: 3 });
      const other = open(s3.place(bucket, { prefix: 'agents' }));
      const kept = await other.put('a', Buffer.from('of another installation'));
      const neighbour = await store.put('a1', Buffer.from('of a session whose name begins alike'));
      for (let number = 0; number < 10; number++) await store.put('a', Buffer.from(`blob ${number}`));
      for (const uid of ['b', 'c', 'd', 'e']) await store.put(uid, Buffer.from(uid));
      mkdirSync(s3.fileOf(bucket, 'agents/blobs/.not-a-session'));
      writeFileSync(s3.fileOf(bucket, 'agents/blobs/.not-a-session/file'), '');
      expect((await store.sessions()).toSorted()).toEqual(['a', 'a1', 'b', 'c', 'd', 'e']);
      await store.delete('a');
      expect((await store.sessions()).toSorted()).toEqual(['a1', 'b', 'c', 'd', 'e']);
      expect((await store.get('a1', neighbour)).byteLength).toBe(neighbour.bytes);
      expect((await other.get('a', kept)).byteLength).toBe(kept.bytes);
    });

    it('carries a blob of many megabytes, also to who only knows its name', async () => {
      const store = open(s3.place(s3.newBucket()));
      const bytes = randomBytes(24 * 1024 * 1024);
      const ref = await store.put('a', bytes);
      expect(Buffer.compare(await store.get('a', { ...ref, bytes: 0 }), bytes)).toBe(0);
    });

    it('takes no blob above its limit, and reads no further than the blob was long', async () => {
      const bucket = s3.newBucket();
      const store = open(s3.place(bucket), { largest: 2_000_000 });
      const ref = await store.put('s', Buffer.alloc(2_000_000));
      const larger = await store.put('s', Buffer.alloc(2_000_001)).catch((error: unknown) => error);
      expect(larger).toBeInstanceOf(BlobTooLargeError);
      expect(String(larger)).toMatch(/takes at most 2 MiB at once, and cannot store one of 2 MiB. Let the session change less/);
      expect(faultOf(larger)).toMatchObject({ kind: 'final', reason: 'TooLargeToStore' });
      writeFileSync(s3.fileOf(bucket, `agents/blobs/s/${ref.blob}`), Buffer.alloc(9_000_000));
      await expect(store.get('s', ref)).rejects.toThrow(/is damaged, it has more than 2000000 bytes/);
    });

    it('asks again while the server is away for a moment', async () => {
      const store = open(s3.place(s3.newBucket()), { random: () => 1 });
      const ref = await store.put('a', Buffer.from('1'));
      await s3.kill();
      // How long the server takes to start is not the store's to say.
      const reading = store.get('a', ref).catch(() => undefined);
      await s3.restart();
      expect(Buffer.from((await reading) ?? (await store.get('a', ref))).toString()).toBe('1');
    });

    it('puts again when the answer was lost', async () => {
      const store = open(s3.place(s3.newBucket()));
      await store.put('a', Buffer.from('1'));
      const lost = s3.line.loseNextAnswer();
      const ref = await store.put('a', Buffer.from('2'));
      await lost;
      expect(Buffer.from(await store.get('a', ref)).toString()).toBe('2');
    });

    it('is unavailable while the server is away, and works again by itself', async () => {
      const store = open(s3.place(s3.newBucket()));
      const ref = await store.put('a', Buffer.from('1'));
      s3.line.refuse();
      const asked = [store.put('a', Buffer.from('2')), store.get('a', ref), store.delete('a'), store.sessions(), store.check()];
      for (const result of await Promise.allSettled(asked)) {
        const failure = result.status === 'rejected' ? result.reason : undefined;
        expect(failure).toBeInstanceOf(BlobUnavailableError);
        expect(String(failure)).toMatch(/s3:\/\/b-.*: cannot (store|read|list) .*: it cannot be reached \(/);
        expect(faultOf(failure)).toMatchObject({ kind: 'passing', reason: 'StorageUnavailable' });
      }
      s3.line.pass();
      expect(Buffer.from(await store.get('a', ref)).toString()).toBe('1');
    });

    it('gives up on a server that says nothing', async () => {
      const store = open(s3.place(s3.newBucket()), { deadlines: { tryMs: 100, patienceMs: 0 } });
      s3.line.hold();
      try {
        await expect(store.put('a', Buffer.from('1'))).rejects.toThrow(/cannot be reached \(no answer in time\)/);
      } finally {
        s3.line.pass();
      }
    });

    it('gives up reading when its signal aborts, and everything when it is closed, also while nothing comes', async () => {
      const store = open(s3.place(s3.newBucket()));
      const ref = await store.put('a', Buffer.from('1'));
      s3.line.hold();
      try {
        const reason = new Error('enough');
        const stop = new AbortController();
        const reading = store.get('a', ref, stop.signal);
        const storing = store.put('a', Buffer.from('2'));
        stop.abort(reason);
        await expect(reading).rejects.toBe(reason);
        const closed = store.close();
        await expect(storing).rejects.toThrow(/it is closed/);
        await closed;
        await expect(store.get('a', ref)).rejects.toThrow(BlobUnavailableError);
      } finally {
        s3.line.pass();
      }
    });

    it.each<[string, Partial<S3Place>, RegExp]>([
      ['bucket', { bucket: 'no-such-bucket' }, /no such bucket; make it, or correct S3_BUCKET=no-such-bucket \(NoSuchBucket/],
      [
        'access key',
        { credentials: { accessKeyId: 'AKIDOTHER', secretAccessKey: new SecretText(SECRET_KEY) } },
        /credentials are refused; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a pair that the store knows \(InvalidAccessKeyId/,
      ],
      [
        'secret key',
        { credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: new SecretText('another-secret-key') } },
        /set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a pair that the store knows \(SignatureDoesNotMatch/,
      ],
      ['region', { region: 'eu-west-9' }, /not served with S3_REGION=eu-west-9; .* \(AuthorizationHeaderMalformed/],
    ])('names the setting to correct when the %s is wrong, at once and without a secret', async (_, wrong, message) => {
      const store = open(s3.place(s3.newBucket(), wrong));
      for (const asked of [() => store.check(), () => store.put('a', Buffer.from('1'))]) {
        const failure = await asked().catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(BlobUnavailableError);
        expect(String(failure)).toMatch(message);
        expect(String(failure)).not.toMatch(/secret-key/);
      }
    });

    it('finds nothing to object to in a bucket that it can use', async () => {
      await expect(open(s3.place(s3.newBucket())).check()).resolves.toBeUndefined();
    });
  });
});

/** What a store answers that is not well, from a server that answers just that. */
describe('S3BlobStore, of a store that refuses,', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** A place at a server that gives the answers in turn, the last one for ever, and what it was asked. */
  async function answering(...answers: { status: number; code?: string; headers?: Record<string, string>; body?: string }[]) {
    const asked: string[] = [];
    const sent: IncomingHttpHeaders[] = [];
    server = createServer((request, response) => {
      sent.push(request.headers);
      const { status, code, headers, body } = answers[Math.min(asked.length, answers.length - 1)] ?? { status: 200 };
      asked.push(`${request.method} ${request.url}`);
      request.resume().on('end', () => {
        response.writeHead(status, headers);
        response.end(body ?? (code ? `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>` : ''));
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: new SecretText(SECRET_KEY) };
    return {
      asked,
      sent,
      place: { bucket: 'bucket', region: 'us-east-1', prefix: 'p', forcePathStyle: true, endpoint, credentials },
    };
  }

  it.each([
    ['is overloaded', { status: 503, code: 'SlowDown' }],
    ['has trouble within', { status: 500, code: 'InternalError' }],
    ['has too much to do', { status: 429 }],
    ['stands behind a proxy that fails', { status: 502, body: '<html>Bad Gateway</html>' }],
  ])('asks again when it %s', async (_, answer) => {
    const { asked, place } = await answering(answer, answer, { status: 200 });
    await open(place, { random: () => 0 }).put('a', Buffer.from('1'));
    expect(asked).toHaveLength(3);
  });

  it('gives up after some tries, and says what the store said', async () => {
    const { asked, place } = await answering({ status: 503, code: 'SlowDown' });
    const failure = await open(place, { random: () => 0 })
      .put('a', Buffer.from('1'))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BlobUnavailableError);
    expect(String(failure)).toMatch(/cannot store a blob: the store cannot do it now \(SlowDown, status 503\)/);
    expect(asked).toHaveLength(5);
  });

  it.each<[string, { status: number; code?: string; headers?: Record<string, string> }, RegExp]>([
    ['a missing right', { status: 403, code: 'AccessDenied' }, /forbidden; the credentials need s3:ListBucket .* see S3_BUCKET/],
    ['credentials that ended', { status: 400, code: 'ExpiredToken' }, /credentials are refused; set AWS_ACCESS_KEY_ID/],
    [
      'a bucket elsewhere',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-central-1' } },
      /not served with S3_REGION=us-east-1; set S3_REGION=eu-central-1/,
    ],
    ['a name that is none', { status: 400, code: 'InvalidBucketName' }, /correct S3_BUCKET=bucket/],
    ['anything else', { status: 400, code: 'Unthinkable' }, /the store refuses it \(Unthinkable, status 400\)/],
  ])('does not ask again because of %s', async (_, answer, message) => {
    const { asked, place } = await answering(answer);
    const failure = await open(place)
      .put('a', Buffer.from('1'))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BlobUnavailableError);
    expect(String(failure)).toMatch(message);
    expect(asked).toHaveLength(1);
  });

  it('says that a blob is too large for it', async () => {
    const { place } = await answering({ status: 400, code: 'EntityTooLarge' });
    await expect(open(place).put('a', Buffer.from('1'))).rejects.toThrow(BlobTooLargeError);
  });

  it('asks again for a blob that broke off', async () => {
    const ref = { blob: `sha256-${'2'.repeat(64)}`, bytes: 5 };
    const { asked, place } = await answering(
      { status: 200, headers: { 'content-length': '5', connection: 'close' }, body: 'ab' },
      { status: 404, code: 'NoSuchKey' },
    );
    await expect(open(place, { random: () => 0 }).get('a', ref)).rejects.toThrow(/there is no blob/);
    expect(asked).toHaveLength(2);
  });

  it('goes where the endpoint says, and names the bucket in the path', async () => {
    const { asked, place } = await answering({ status: 200 });
    const { blob } = await open(place).put('a', Buffer.from('1'));
    expect(asked).toEqual([`PUT /bucket/p/a/${blob}?x-id=PutObject`]);
  });

  it('shows the session token, where it has one', async () => {
    const { sent, place } = await answering({ status: 200 });
    const credentials = { ...place.credentials, sessionToken: new SecretText('session-token') };
    await open({ ...place, credentials }).put('a', Buffer.from('1'));
    expect(sent).toMatchObject([{ 'x-amz-security-token': 'session-token' }]);
  });

  it('acts with the credentials that the SDK finds, when it is given none', async () => {
    // First as the agent of a cloud answers, which knows the service account, then as the store.
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    const found = JSON.stringify({ AccessKeyId: 'AKIDFOUND', SecretAccessKey: 'found', Token: 'token', Expiration });
    const { sent, place } = await answering({ status: 200, body: found }, { status: 200 });
    const script = `
      import { S3BlobStore } from ${JSON.stringify(join(import.meta.dirname, 's3-blobs.ts'))};
      const store = new S3BlobStore({ place: ${JSON.stringify({ ...place, credentials: undefined })} });
      await store.put('a', Buffer.from('1'));
      await store.close();`;
    const env = { HOME: '/nowhere', AWS_CONTAINER_CREDENTIALS_FULL_URI: `${place.endpoint}/credentials` };
    await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script], { env, timeout: PATIENCE_MS });
    expect(sent[1]).toMatchObject({
      authorization: expect.stringMatching(/Credential=AKIDFOUND\//),
      'x-amz-security-token': 'token',
    });
  });

  it('goes through the proxy that it is given', async () => {
    const { asked, place } = await answering({ status: 200 });
    const store = open({ ...place, endpoint: 'http://store.invalid' }, { proxyEnv: { HTTP_PROXY: place.endpoint } });
    await store.put('a', Buffer.alloc(3_000_000));
    expect(asked).toEqual([expect.stringMatching(/^PUT http:\/\/store.invalid\/bucket\/p\/a\/sha256-/)]);
  });
});
