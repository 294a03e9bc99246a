/**
 * The user that an authenticating proxy names in a header. A header says nothing by itself, since anybody can send one: it
 * is believed only on a connection from the proxy, or with a secret that the proxy adds, or with both where both are set.
 */
import type { Request } from 'express';
import type { Settings } from '../../operator/settings.ts';
import { Problem } from './problem.ts';
import { Proxies } from './proxies.ts';
import { sameSecret } from './same-secret.ts';

export type ProxyUserOptions = {
  /** Name of the header, in lower case. */
  header: string;
  /** Addresses and ranges that the proxy connects from; any when empty. */
  proxies: readonly string[];
  /** What the proxy sends as X-Proxy-Secret. */
  secret?: string;
};

/** What the settings say of proxies, for createGateway. */
export function proxiesOf({ proxyUser, trustedProxies }: Pick<Settings, 'proxyUser' | 'trustedProxies'>): {
  trustedProxies: readonly string[];
  proxyUser?: ProxyUserOptions;
} {
  if (!proxyUser) return { trustedProxies };
  const { header, proxies, secret } = proxyUser;
  return { trustedProxies, proxyUser: { header, proxies, ...(secret && { secret: secret.reveal() }) } };
}

export class ProxyUsers {
  readonly #options: ProxyUserOptions;
  readonly #proxies: Proxies;

  /** @throws TypeError when neither addresses nor a secret are given */
  constructor(options: ProxyUserOptions) {
    if (options.proxies.length === 0 && options.secret === undefined)
      throw new TypeError('a user header needs addresses or a secret that it is believed with');
    this.#options = options;
    this.#proxies = new Proxies(options.proxies);
  }

  /** The user of a request that came through the proxy; undefined for any other. @throws Problem 403 when the proxy names none */
  userOf(request: Request): string | undefined {
    if (!this.#isProxy(request)) return undefined;
    const [name, ...more] = request.headersDistinct[this.#options.header] ?? [];
    // Two headers, or two names in one: then somebody before the proxy has sent one as well.
    if (
      name !== undefined &&
      more.length === 0 &&
      /^[\x21-\x7e](?:[\x20-\x7e]{0,251}[\x21-\x7e])?$/.test(name) &&
      !name.includes(',')
    )
      return name;
    const detail = `The proxy named no user in ${this.#options.header}: one name of at most 253 printable ASCII characters without a comma.`;
    throw new Problem(403, 'caller-refused', detail);
  }

  #isProxy(request: Request): boolean {
    const { proxies, secret } = this.#options;
    if (proxies.length > 0 && !this.#proxies.passOn(request)) return false;
    const [sent, ...more] = request.headersDistinct['x-proxy-secret'] ?? [];
    return secret === undefined || (sent !== undefined && more.length === 0 && sameSecret(sent, secret));
  }
}
