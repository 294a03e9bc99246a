/**
 * A real S3 server (Versity's gateway over a folder of its own), behind a line that a test can hold, cut or refuse. The
 * server listens on a socket in its folder and the line on a port of its own, so that the address stays the same while the
 * server is away. It checks every signature.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe } from '@jest/globals';
import type { S3Place } from '../../operator/engine/s3-blobs.ts';
import { SecretText } from '../../operator/secret-text.ts';
import { eventually } from './eventually.ts';
import { Line } from './redis-line.ts';

export const ACCESS_KEY = 'AKIDTEST';
export const SECRET_KEY = 'not-a-real-secret-key';

export class S3Server implements AsyncDisposable {
  readonly line: Line;
  readonly #folder = mkdtempSync(join(tmpdir(), 'swe-s3-'));
  readonly #socket = join(this.#folder, 's3.sock');
  readonly #program: string;
  #process: ChildProcess | undefined;

  private constructor(program: string) {
    this.#program = program;
    this.line = new Line(() => connect(this.#socket));
  }

  /** @throws when there is no such program: see describeWithS3 */
  static async start(): Promise<S3Server> {
    const server = new S3Server(findS3Server() ?? 'versitygw');
    try {
      for (const name of ['accounts', 'buckets', 'metadata']) mkdirSync(join(server.#folder, name));
      await server.line.listen();
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.line.port}`;
  }

  /** A bucket that nobody else has. */
  newBucket(): string {
    const bucket = `b-${randomUUID()}`;
    mkdirSync(this.fileOf(bucket));
    return bucket;
  }

  /** A place in a bucket, with credentials that may do everything there. */
  place(bucket: string, changes: Partial<S3Place> = {}): S3Place {
    return {
      bucket,
      region: 'us-east-1',
      prefix: 'agents/blobs',
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: new SecretText(SECRET_KEY) },
      ...changes,
    };
  }

  /** The file in which the server keeps an object. */
  fileOf(bucket: string, key = ''): string {
    return join(this.#folder, 'buckets', bucket, key);
  }

  /** Ends the server as a crash would; what was on disk stays. */
  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server && server.exitCode === null && server.signalCode === null && server.kill('SIGKILL')) await once(server, 'exit');
  }

  /** Ends the server, if it runs, and starts it again with what is on its disk. */
  async restart(): Promise<void> {
    await this.kill();
    rmSync(this.#socket, { force: true });
    // Metadata in files: not every file system that has room for tests has extended attributes.
    const backend = ['posix', '--sidecar', join(this.#folder, 'metadata'), join(this.#folder, 'buckets')];
    // Without a list of accounts it would take every access key.
    const gateway = ['--port', this.#socket, '--iam-dir', join(this.#folder, 'accounts'), '--health', '/health'];
    const server = spawn(this.#program, [...gateway, '--keep-alive', '--quiet', ...backend], {
      cwd: this.#folder,
      env: { HOME: this.#folder, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#process = server;
    let ended: Error | undefined;
    once(server, 'exit').then(
      () => {
        ended = new Error('versitygw ended at its start');
      },
      (cause: unknown) => {
        ended = new Error('versitygw cannot be started', { cause });
      },
    );
    await eventually('an answer of versitygw', async () => ended !== undefined || (await healthy(this.#socket)));
    if (ended) throw ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.line.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `describe`, where the server is; it has to be where every change is tested and the programs of the test cluster are built. */
export function describeWithS3(): typeof describe.skip {
  if (findS3Server() !== undefined) return describe;
  const missing = 'versitygw is neither on the PATH nor beside the test cluster ("make cluster-build")';
  const { CI, E2E_KUBECONFIG } = process.env;
  if (CI === 'true' && !E2E_KUBECONFIG) throw new Error(`the tests with an S3 server must run here, but ${missing}`);
  console.warn(`the tests with an S3 server are skipped: ${missing}`);
  return describe.skip;
}

function findS3Server(): string | undefined {
  const { PATH = '', SWE_AGENT_CLUSTER_DIR, XDG_CACHE_HOME } = process.env;
  const cluster = SWE_AGENT_CLUSTER_DIR || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'swe-agent-cluster');
  return [...PATH.split(delimiter).filter(Boolean), join(cluster, 'bin')]
    .map((folder) => join(folder, 'versitygw'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function healthy(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/health', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', reject);
    asked.end();
  });
}
