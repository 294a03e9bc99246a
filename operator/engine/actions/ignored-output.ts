/**
 * What builds and test runs left in the worktree and git ignores (dist/, *.o, caches) is of the new code. On the code as it
 * was it would answer in its place, so it is put aside for such a run, and brought back before anybody goes on with the
 * result. Installed packages stay: without them nothing runs, and they are seldom of the change.
 */
import { GitError } from '../../sandbox/git/git.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';

/** Folders of packages that were installed, not built from the repository. */
const PACKAGES = [
  ...['node_modules', 'bower_components', '.yarn', '.pnpm-store', '.venv', 'venv', '.tox', '.nox', 'site-packages'],
  ...['vendor', 'Pods', '.bundle', '.gradle', '.m2', '.cargo'],
];
/** What is made anew by itself, and of which no check fails for want. */
const CACHES = '(^|/)(__pycache__|\\.(pytest|mypy|ruff)_cache|coverage|\\.nyc_output)/|(^|/)\\.(coverage|eslintcache|DS_Store)$';
/** More files than this are not moved to and fro. */
const MAX_FILES = 20_000;
const SECONDS = 120;

/** Remembers that what is written from now on is of the work; done again it changes nothing. */
export async function markBegin(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  await run(sandbox, 'marking the begin of the work', '[ -e "$mark" ] || : >"$mark" || exit 1', signal);
}

/**
 * Puts it aside, and removes what earlier runs on the code as it was have made since. Begins again where a crash ended it.
 * The worktree must have just been put to a commit.
 * @returns how many files are aside that a check may need
 * @throws GitError GitFailed when they cannot be told or are too many
 */
export async function putAside(sandbox: Sandbox, signal: AbortSignal): Promise<number> {
  return Number(/^=aside (\d+)$/m.exec(await run(sandbox, 'putting build output aside', PUT_ASIDE, signal))?.[1] ?? 0);
}

/** Brings it back in place of what was made meanwhile; nothing where nothing is aside. Begins again where a crash ended it. */
export async function bringBack(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  await run(sandbox, 'bringing build output back', BRING_BACK, signal);
}

/** `aside/files` holds the files, `aside/list` their paths; once `aside/done` is there, nothing is put aside any more. */
const PRELUDE = `
export LC_ALL=C
mark=$SWE_ROOT/.run/work-begin aside=$SWE_ROOT/.run/aside
`;

const MOVING = `
# Ignored files that were written since the work began, or all of them in a sandbox that did not see that.
made() {
  set --
  if [ -e "$mark" ]; then
    set -- -newer "$mark"
    # The time of the last change cannot be set back, as copying and unpacking do with the other one.
    if find . -prune -cnewer "$mark" >/dev/null 2>&1; then set -- -cnewer "$mark"; fi
  fi
  find . \\( -name .git ${PACKAGES.map((name) => `-o -name ${name}`).join(' ')} \\) -prune -o \\( -type f -o -type l \\) "$@" -print \\
    2>/dev/null | sed 's|^\\./||' | git -c core.quotePath=false -c core.excludesFile=/dev/null check-ignore --stdin
  [ $? -le 1 ]
}
# move FROM TO: paths on stdin, as many of one folder at a time as a command takes.
move() {
  from=$1 to=$2 folder=
  set --
  while IFS= read -r path; do
    case $path in */*) parent=\${path%/*} ;; *) parent=. ;; esac
    if [ "$parent" != "$folder" ] || [ $# -ge 200 ]; then
      send "$@" || return 1
      set --
      folder=$parent
    fi
    if [ -e "$from/$path" ] || [ -L "$from/$path" ]; then set -- "$@" "$from/$path"; fi
  done
  send "$@"
}
send() {
  [ $# = 0 ] || { { [ -d "$to/$folder" ] || mkdir -p -- "$to/$folder"; } && mv -f -- "$@" "$to/$folder/"; }
}
# discard: paths on stdin.
discard() { while IFS= read -r path; do rm -f -- "$path" || return 1; done; }
`;

const PUT_ASIDE = `${MOVING}
cd "$SWE_WORKTREE" && mkdir -p "$aside/files" && made >"$aside/made" || exit 1
if [ -e "$aside/done" ]; then
  discard <"$aside/made" || exit 1
else
  count=$(wc -l <"$aside/made")
  if [ "$count" -gt ${MAX_FILES} ]; then echo "more than ${MAX_FILES} ignored files were written"; exit 1; fi
  cat "$aside/made" >>"$aside/list" && move . "$aside/files" <"$aside/made" && : >"$aside/done" || exit 1
fi
echo "=aside" $(sort -u "$aside/list" | grep -Evc '${CACHES}')
`;

const BRING_BACK = `
[ -d "$aside" ] || exit 0
${MOVING}
cd "$SWE_WORKTREE" || exit 1
if [ -e "$aside/done" ]; then
  # Its end is noted first: what is back from here on is not taken for what was made meanwhile.
  made >"$aside/made" && discard <"$aside/made" && rm -f "$aside/done" || exit 1
fi
[ ! -e "$aside/list" ] || move "$aside/files" . <"$aside/list" || exit 1
rm -rf "$aside"
`;

async function run(sandbox: Sandbox, what: string, script: string, signal: AbortSignal): Promise<string> {
  const env = { SWE_ROOT: sandbox.root, SWE_WORKTREE: sandbox.worktree };
  const { exitCode, output } = await sandbox.query(`${PRELUDE}${script}`, {
    env,
    cwd: sandbox.root,
    timeoutSeconds: SECONDS,
    signal,
  });
  if (exitCode === 0) return output;
  if (/No space left on device|Disk quota exceeded/i.test(output))
    throw new GitError('StorageFull', `${what}: the sandbox's disk is full`);
  throw new GitError('GitFailed', `${what} failed with exit code ${exitCode}: ${output.slice(-400).trim()}`);
}
