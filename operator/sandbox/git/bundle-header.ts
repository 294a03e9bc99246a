/** The text at the beginning of a bundle file, which says what it brings and what it builds on. Pure. */
import { GitError } from './git.ts';

export type BundleHeader = {
  /** Commits that the receiver must have. */
  prerequisites: string[];
  /** Commits that the bundle brings, by ref name. */
  refs: Map<string, string>;
  /** Where the pack begins, in bytes. */
  packOffset: number;
};

const MOST_HEADER_BYTES = 1024 * 1024;

/** @throws GitError BundleDamaged */
export function readBundleHeader(bundle: Uint8Array): BundleHeader {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const end = bytes.subarray(0, MOST_HEADER_BYTES).indexOf('\n\n');
  const [signature, ...lines] = end < 0 ? [] : bytes.subarray(0, end).toString('utf8').split('\n');
  if (signature !== '# v2 git bundle' && signature !== '# v3 git bundle') throw damaged('it does not begin like a git bundle');
  const header: BundleHeader = { prerequisites: [], refs: new Map(), packOffset: end + 2 };
  for (const line of lines) {
    if (/^@object-format=sha(?:1|256)$/.test(line)) continue;
    const [, minus, id = '', rest = ''] = /^(-?)([0-9a-f]{40}|[0-9a-f]{64})(?: (.*))?$/.exec(line) ?? [];
    if (minus === undefined) throw damaged('its header has a line that is not understood');
    if (minus === '-') header.prerequisites.push(id);
    else header.refs.set(rest, id);
  }
  if (bytes.subarray(header.packOffset, header.packOffset + 4).toString('latin1') !== 'PACK') throw damaged('it holds no pack');
  return header;
}

/**
 * The same bundle with the commit as its HEAD too, so that `git pull FILE` needs no name of a branch.
 * @throws GitError BundleDamaged
 */
export function withHead(bundle: Uint8Array, commit: string): Uint8Array {
  const { refs, packOffset } = readBundleHeader(bundle);
  if (refs.has('HEAD')) return bundle;
  // The empty line before the pack ends the header.
  const header = Buffer.from(bundle.subarray(0, packOffset - 1));
  return Buffer.concat([header, Buffer.from(`${commit} HEAD\n\n`), bundle.subarray(packOffset)]);
}

function damaged(why: string): GitError {
  return new GitError('BundleDamaged', `the bundle from the sandbox cannot be used: ${why}`);
}
