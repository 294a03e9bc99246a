/** What a client needs to trust the server and be trusted by it; made once and kept, readable by the owner alone. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Credentials = {
  /** The certificate, which is its own authority. */
  readonly certificate: string;
  readonly key: string;
  /** Bearer token of the only user. */
  readonly token: string;
};

const validYears = 10;
const renewBeforeMs = 30 * 24 * 60 * 60 * 1000;

/** Reads the credentials from the folder, or makes those that are missing or about to expire. */
export async function loadCredentials(folder: string, now: Date): Promise<Credentials> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), token: join(folder, 'token') };
  if (!existsSync(paths.token)) writePrivate(paths.token, randomBytes(32).toString('base64url'));
  const stored = readPair(paths.certificate, paths.key, now);
  const pair = stored ?? (await makePair(now));
  if (!stored) {
    writePrivate(paths.key, pair.key);
    writePrivate(paths.certificate, pair.certificate);
  }
  return { ...pair, token: readFileSync(paths.token, 'utf8').trim() };
}

/** Writes a file that only its owner can read, in one step: a reader sees the old or the new text. */
export function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

function readPair(certificatePath: string, keyPath: string, now: Date): { certificate: string; key: string } | undefined {
  if (!existsSync(certificatePath) || !existsSync(keyPath)) return undefined;
  const certificate = readFileSync(certificatePath, 'utf8');
  const expires = new X509Certificate(certificate).validToDate.getTime();
  return expires - now.getTime() > renewBeforeMs ? { certificate, key: readFileSync(keyPath, 'utf8') } : undefined;
}

async function makePair(now: Date): Promise<{ certificate: string; key: string }> {
  // Loaded only here: it is needed once in the life of a state folder.
  const { generate } = await import('selfsigned');
  const until = new Date(now);
  until.setFullYear(until.getFullYear() + validYears);
  const pems = await generate([{ name: 'commonName', value: 'swe-agent embedded API' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - 60 * 60 * 1000),
    notAfterDate: until,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificate: pems.cert, key: pems.private };
}

/** A kubeconfig for the server, with the namespace that commands use when they name none. */
export function kubeconfig(url: string, credentials: Credentials, user: string, namespace: string): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'swe-agent',
    clusters: [
      {
        name: 'swe-agent',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(credentials.certificate).toString('base64') },
      },
    ],
    users: [{ name: user, user: { token: credentials.token } }],
    contexts: [{ name: 'swe-agent', context: { cluster: 'swe-agent', user, namespace } }],
  };
  // JSON is YAML, and needs no library to write.
  return `${JSON.stringify(config, null, 2)}\n`;
}
