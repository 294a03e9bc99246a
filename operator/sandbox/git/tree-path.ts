/** Characters that HFS+ does not see, and that would let another name stand for .git there. */
const INVISIBLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** Whether checking out a path could write outside the worktree or into its .git on some file system. */
export function unsafePath(path: string): boolean {
  return path.split(/[/\\]/).some((part, index) => {
    const name = part
      .replace(INVISIBLE, '')
      .toLowerCase()
      .replace(/[ .]+$/, '');
    // NTFS: a stream of .git, and its short name.
    return (
      part === '' ||
      part === '.' ||
      part === '..' ||
      /^(?:\.git|git~\d)(?::.*)?$/.test(name) ||
      (index === 0 && /^[a-z]:$/i.test(part))
    );
  });
}
