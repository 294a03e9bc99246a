/** Proxies in front of this server that are known by their address, and what they say of a request that they pass on. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Request } from 'express';

export class Proxies {
  readonly #addresses = new BlockList();
  readonly #any: boolean;

  /** @param ranges addresses and ranges in CIDR notation that they connect from; none when empty */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length > 0;
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      const kind = isIPv6(address) ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#addresses.addAddress(address, kind);
      else this.#addresses.addSubnet(address, Number(bits), kind);
    }
  }

  /** Whether the connection of a request comes from one of them. */
  passOn(request: Request): boolean {
    return this.#has(plain(request.socket.remoteAddress));
  }

  /**
   * The address that a request came from: the other end of the connection or, where that is one of them, whom they say that
   * they had it from. Each adds the other end of its connection on the right, so that what stands left of the first address
   * that is none of theirs was said by nobody known.
   */
  clientOf(request: Request): string {
    let client = plain(request.socket.remoteAddress);
    const chain = (request.headersDistinct['x-forwarded-for'] ?? []).flatMap((text) => text.split(','));
    for (const said of chain.reverse()) {
      const address = plain(said.trim());
      if (!this.#has(client) || isIP(address) === 0) break;
      client = address;
    }
    return client;
  }

  /**
   * Whether the browser spoke TLS, to this server or to the first proxy on the way: its scheme stands first. Where no proxy is
   * known, everybody is believed: who lies gets a cookie that does not come back.
   */
  isSecure(request: Request): boolean {
    // A browser that posts says where its page is from, and that is this server, or the request was refused.
    if (request.headers.origin?.startsWith('https://')) return true;
    if (this.#any && !this.passOn(request)) return false;
    const said = request.headersDistinct['x-forwarded-proto']?.[0]?.split(',')[0];
    return said?.trim().toLowerCase() === 'https';
  }

  #has(address: string): boolean {
    return this.#any && isIP(address) !== 0 && this.#addresses.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/** Without what stands around an address: a port, brackets, the zone, the way in which IPv6 writes IPv4. */
function plain(text = ''): string {
  const address = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? (/^[\d.]+:\d+$/.test(text) ? text.replace(/:\d+$/, '') : text);
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
