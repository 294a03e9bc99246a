import { generate } from 'selfsigned';

type Certificate = { key: string; cert: string };
type Names = NonNullable<Extract<Extension, { name: 'subjectAltName' }>['altNames']>;
type Extension = NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>[number];

const LOOPBACK: Names = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
];

/** A self-signed certificate for localhost and 127.0.0.1. */
export function loopbackCertificate(): Promise<Certificate> {
  return made('localhost', [
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: LOOPBACK },
  ]);
}

/** A private authority, with a certificate of its own for the loopback and one for a server that is not there. */
export async function privateAuthority(): Promise<{ authority: string; loopback: Certificate; elsewhere: Certificate }> {
  const ca = await made('Authority of a test', [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ]);
  const server = (name: string, altNames: Names) =>
    made(
      name,
      [
        { name: 'basicConstraints', cA: false },
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames },
      ],
      ca,
    );
  return {
    authority: ca.cert,
    loopback: await server('localhost', LOOPBACK),
    elsewhere: await server('redis.example.com', [{ type: 2, value: 'redis.example.com' }]),
  };
}

async function made(commonName: string, extensions: Extension[], ca?: Certificate): Promise<Certificate> {
  const pems = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions,
    ...(ca && { ca }),
  });
  return { key: pems.private, cert: pems.cert };
}
