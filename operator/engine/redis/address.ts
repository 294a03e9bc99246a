/** Where a Redis is and as whom it is spoken to, read from a URL: redis[s]://[[user]:password@]host[:port][/database] */
import { SecretText } from '../../secret-text.ts';

export type RedisAddress = {
  readonly host: string;
  readonly port: number;
  /** Whether the connection is encrypted (`rediss://`) and the server's certificate checked. */
  readonly tls: boolean;
  readonly database: number;
  /** An ACL user; the server's default user when left out. */
  readonly username?: string;
  readonly password?: SecretText;
};

const DEFAULT_PORT = 6379;

/** @throws RangeError that says what is wrong with the URL and what to write instead, without its secrets */
export function redisAddress(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'redis:' && parsed?.protocol !== 'rediss:') {
    throw new RangeError(
      'write redis://host:6379/0, or rediss:// for an encrypted connection; in a user name or password, write @ as %40, / as %2F, # as %23',
    );
  }
  const { protocol, hostname, port, pathname, search, hash } = parsed;
  if (hostname === '') throw new RangeError('the host is missing; write redis://host:6379/0');
  if (search !== '' || hash !== '') {
    throw new RangeError('nothing may follow the database number; in a password, write ? as %3F and # as %23');
  }
  const database = pathname.replace(/^\//, '');
  if (!/^\d{0,5}$/.test(database)) throw new RangeError('after the host comes the number of a database, such as /0');
  const username = decoded(parsed.username);
  const password = decoded(parsed.password);
  if (username !== '' && password === '') {
    throw new RangeError(
      'a user name needs a password; write redis://user:password@host, or redis://:password@host without a user',
    );
  }
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? DEFAULT_PORT : Number(port),
    tls: protocol === 'rediss:',
    database: Number(database),
    ...(username !== '' && { username }),
    ...(password !== '' && { password: new SecretText(password) }),
  };
}

/** The URL as it may be shown. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/.*@/s, '//***@');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RangeError('in a user name or password, write % as %25');
  }
}
