/**
 * Addresses that are good on one link only are no model's: in clouds that is where a machine's own credentials are given out,
 * and whoever writes a profile chooses where the operator connects to.
 */
import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** The address is link-local, or all addresses of the name are. */
export class LinkLocalAddressError extends Error {
  override readonly name = 'LinkLocalAddressError';
  constructor(host: string) {
    super(`${host} is a link-local address (169.254.0.0/16 or fe80::/10), where no model is called; correct the address`);
  }
}

/** Finds all addresses of a name; the system's way, unless a test has its own. */
export type Resolve = (
  hostname: string,
  options: { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const LINK_LOCAL = new BlockList();
// The IPv4 range is found in its IPv6 notation (::ffff:a.b.c.d) as well.
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
// The same addresses behind a NAT64.
LINK_LOCAL.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');

/** @throws LinkLocalAddressError when the host of an address is such an address itself; names are for the lookup to refuse */
export function refuseLinkLocal({ hostname }: URL): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isLinkLocal(address)) throw new LinkLocalAddressError(address);
}

/** A lookup for connections that finds no link-local addresses. What it finds is what is connected to: no name can change meanwhile. */
export function lookupElsewhere(resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, done) =>
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, []);
      const usable = found.filter(({ address }) => !isLinkLocal(address));
      const [first] = usable;
      if (!first) return done(new LinkLocalAddressError(hostname), []);
      if (options.all) done(null, usable);
      else done(null, first.address, first.family);
    });
}

function isLinkLocal(address: string): boolean {
  // A system may name the interface behind it: fe80::1%eth0.
  const plain = address.replace(/%.*$/, '');
  const version = isIP(plain);
  return version !== 0 && LINK_LOCAL.check(plain, version === 6 ? 'ipv6' : 'ipv4');
}
