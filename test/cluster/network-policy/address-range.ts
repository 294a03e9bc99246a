/** Ranges of IPv4 addresses in CIDR notation. */

type Range = { first: number; bits: number };

/**
 * The addresses of `range` that are in none of `except`, as the fewest ranges, in order.
 * @throws when one of them is not IPv4 in CIDR notation
 */
export function subtract(range: string, except: readonly string[]): string[] {
  return without(
    parse(range),
    except.map((one) => parse(one)),
  ).map(({ first, bits }) => `${dotted(first)}/${bits}`);
}

/** Halves the range until each part is wholly in or wholly out of what is excepted. */
function without(range: Range, except: readonly Range[]): Range[] {
  if (except.some((one) => contains(one, range))) return [];
  const inside = except.filter((one) => contains(range, one));
  if (inside.length === 0) return [range];
  const bits = range.bits + 1;
  const second = range.first + 2 ** (32 - bits);
  return [...without({ first: range.first, bits }, inside), ...without({ first: second, bits }, inside)];
}

function contains(outer: Range, inner: Range): boolean {
  return outer.bits <= inner.bits && inner.first >= outer.first && inner.first < outer.first + 2 ** (32 - outer.bits);
}

function parse(text: string): Range {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = match ? match.slice(1).map(Number) : [];
  if (Math.max(a, b, c, d) > 255 || bits > 32) throw new Error(`"${text}" is not an IPv4 range such as 10.0.0.0/8`);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { first: Math.floor(address / size) * size, bits };
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
