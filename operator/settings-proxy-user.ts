/** How an authenticating proxy in front of the gateway says who the user is. */
import { isIP } from 'node:net';
import type { SecretText } from './secret-text.ts';
import type { SettingsReader } from './settings-reader.ts';

export type ProxyUserSettings = {
  /** In lower case. */
  readonly header: string;
  /** Where the proxy connects from: addresses and ranges in CIDR notation. */
  readonly proxies: readonly string[];
  readonly secret?: SecretText;
};

/** Headers that say something else already. */
const TAKEN = ['authorization', 'cookie', 'host', 'origin', 'x-proxy-secret'];

/** The proxies that are known by where they connect from. */
export function trustedProxySettings(reader: SettingsReader): string[] {
  const proxies = reader.list('API_TRUSTED_PROXIES');
  if (!proxies.every(isRange)) {
    reader.problem('API_TRUSTED_PROXIES', 'write addresses and ranges, such as 127.0.0.1,10.1.2.0/24,fd00::/8');
  }
  return proxies;
}

/** @param proxies that are known by where they connect from */
export function proxyUserSettings(reader: SettingsReader, proxies: readonly string[]): ProxyUserSettings | undefined {
  const header = reader.text('API_USER_HEADER')?.toLowerCase();
  const secret = reader.secret('API_PROXY_SECRET');
  if (secret && (secret.reveal().length < 16 || !/^[\x21-\x7e]+$/.test(secret.reveal()))) {
    reader.problem('API_PROXY_SECRET', 'use at least 16 printable ASCII characters, for example from: openssl rand -hex 32');
  }
  if (header === undefined) {
    if (secret) reader.warnings.push('API_PROXY_SECRET is not used without API_USER_HEADER');
    return undefined;
  }
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(header) || TAKEN.includes(header)) {
    reader.problem('API_USER_HEADER', 'write the name of the header that the proxy sets, such as X-Forwarded-User');
  }
  if (proxies.length === 0 && !secret) {
    reader.problem(
      'API_USER_HEADER',
      'whoever reaches the server could be anybody; set API_TRUSTED_PROXIES or API_PROXY_SECRET too',
    );
  }
  return { header, proxies, ...(secret && { secret }) };
}

function isRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const kind = isIP(address);
  if (kind === 0 || more.length > 0) return false;
  // A range of everything trusts everybody.
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (kind === 4 ? 32 : 128));
}
