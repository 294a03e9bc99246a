/**
 * The shell scripts that do git's work inside the sandbox; worktree.ts runs them. POSIX sh, values only through the
 * environment, results on lines that begin with "=".
 *
 * The platform keeps a repository of its own beside the worktree (`store`), with its own index. The worktree's .git belongs
 * to the model and borrows the store's objects: whatever is done to it (commits, ignore rules, a deleted .git) changes
 * neither what counts as the result nor what the platform has recorded.
 */

/** The platform's own repository, relative to the sandbox's root, in the one folder there that every isolation lets commands write to. */
export const STORE = '.run/store.git';

const PRELUDE = `
export LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_LFS_SKIP_SMUDGE=1 GIT_NO_REPLACE_OBJECTS=1
export GIT_DEFAULT_HASH=$SWE_FORMAT GIT_DEFAULT_REF_FORMAT=files
store=$SWE_STORE worktree=$SWE_WORKTREE
[ -d "$worktree" ] || mkdir -p "$worktree" || exit 1
cd "$worktree" || exit 1
export GIT_INDEX_FILE="$store/index.$$"
trap 'for left in "$store/index.$$"*; do [ ! -e "$left" ] || rm -f "$left"; done' EXIT
g() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.excludesFile=/dev/null -c core.autocrlf=false \\
    -c core.safecrlf=false -c core.sparseCheckout=false -c core.untrackedCache=false -c core.splitIndex=false \\
    -c core.quotePath=false -c i18n.commitEncoding=UTF-8 -c advice.addEmbeddedRepo=false -c submodule.recurse=false \\
    -c protocol.allow=never -c gc.auto=0 -c maintenance.auto=false -c 'safe.directory=*' "$@"
}
s() { g --git-dir="$store" --work-tree="$worktree" "$@"; }
seeded() { { read -r base && read -r branch && read -r tracked; } <"$store/seeded"; } 2>/dev/null
require_seeded() { seeded || { echo 'the sandbox holds no repository'; exit 1; }; }
`;

/** Makes the worktree's .git anew, at a commit. What a shell can do by itself starts no process. */
const MAKE_GIT = `
copy() { while IFS= read -r line; do printf '%s\\n' "$line"; done <"$1"; }
make_git() (
  unset GIT_INDEX_FILE
  [ ! -e .git ] || rm -rf .git || exit 1
  g init -q --template= . && printf 'ref: refs/heads/%s\\n' "$branch" >.git/HEAD &&
    copy "$store/worktree-config" >>.git/config &&
    printf '%s\\n' "$SWE_ALTERNATE" >.git/objects/info/alternates || exit 1
  [ ! -f "$store/shallow" ] || copy "$store/shallow" >.git/shallow || exit 1
  {
    printf '%s refs/heads/%s\\n' "$1" "$branch"
    [ "$tracked" = - ] || printf '%s refs/remotes/origin/%s\\n' "$base" "$tracked"
  } >.git/packed-refs && cp -p "$store/index" .git/index
)
`;

/**
 * Takes everything in the worktree but ignored files into an index of this process, which then replaces the store's.
 * Sets `added` (what git said) and `status`.
 */
const ADD = `
add() {
  cp -p "$store/index" "$GIT_INDEX_FILE" 2>/dev/null || s read-tree "$base" || exit 1
  added=$(s add -A --ignore-errors 2>&1 >/dev/null)
  status=$?
  case $added in
    *'embedded git repository'*)
      s diff-index --cached --raw -z --no-renames "$base" | tr '\\000\\n' '\\n\\001' |
        sed -n -e '/^:000000 160000 /{n;p;d;}' -e '/^:1[02]0[0-7]* 160000 /{n;p;}' | tr '\\n\\001' '\\000\\n' |
        s update-index -z --force-remove --stdin || exit 1
      ;;
  esac
}
keep_index() { mv -f "$GIT_INDEX_FILE" "$store/index"; }
report_added() {
  echo "=status $status"
  [ -z "$added" ] || printf '%s\\n' "$added" | while IFS= read -r line; do printf '=added %s\\n' "$line"; done
}
`;

/** Puts the worktree to a commit: changes, new files and repositories in it go, ignored files stay. */
const GO_TO = `
go_to() {
  add
  s read-tree --reset -u "$1" && s clean -ffdq && keep_index && make_git "$1" || exit 1
}
`;

/** Says whether the worktree is seeded with the commit. */
export const SEEDED = `${PRELUDE}
if seeded && [ "$base" = "$SWE_COMMIT" ]; then echo =seeded; fi
`;

/** Makes one bundle of the numbered pieces, each of which goes as soon as it is in it: they never take the room twice. */
const JOIN_PIECES = `
join_pieces() {
  : >"$SWE_BUNDLE" || return 1
  piece=0
  while [ "$piece" -lt "$SWE_PIECES" ]; do
    cat "$SWE_BUNDLE.$piece" >>"$SWE_BUNDLE" && rm -f "$SWE_BUNDLE.$piece" || return 1
    piece=$((piece + 1))
  done
}
`;

export const SEED = `${PRELUDE}${MAKE_GIT}${JOIN_PIECES}
if seeded; then
  if [ "$base" = "$SWE_COMMIT" ]; then exit 0; fi
  for ref in "$store"/refs/swe-agent/*; do
    case $ref in */\\*) ;; *) echo "the sandbox holds work on commit $base"; exit 1 ;; esac
  done
fi
for path in "$store" "$worktree"/* "$worktree"/.[!.]* "$worktree"/..?*; do
  if [ -e "$path" ] || [ -L "$path" ]; then rm -rf "$path" || exit 1; fi
done
base=$SWE_COMMIT branch=$SWE_BRANCH tracked=$SWE_TRACKED GIT_INDEX_FILE=$store/index
g init -q --bare --template= "$store" && printf '%s\\n' "$SWE_IDENTITY" "$SWE_CONFIG" >"$store/worktree-config" || exit 1
[ -z "$SWE_CUT" ] || printf '%s\\n' "$SWE_CUT" >"$store/shallow" || exit 1
[ -z "$SWE_SHALLOW" ] || copy "$SWE_SHALLOW" >"$store/shallow" || exit 1
[ "$SWE_PIECES" = 0 ] || join_pieces || exit 1
g --git-dir="$store" bundle unbundle "$SWE_BUNDLE" >/dev/null &&
  printf '%s refs/swe-agent/base\\n' "$base" >"$store/packed-refs" &&
  s read-tree --reset -u "$base" && make_git "$base" &&
  printf '%s\\n' "$base" "$branch" "$tracked" >"$store/seeded" || exit 1
rm -f "$SWE_BUNDLE" "$SWE_BUNDLE".* "$SWE_SHALLOW"
# Tests of many projects make repositories of their own and commit in them.
[ -e "$HOME/.gitconfig" ] || printf '%s\\n' "$SWE_IDENTITY" 2>/dev/null >"$HOME/.gitconfig" || :
`;

/**
 * Commits the worktree on a ref of the platform's own and bundles what the excluded commit does not have; says only its tree
 * when it is as it was at the last checkpoint.
 */
export const CHECKPOINT = `${PRELUDE}${ADD}
require_seeded
add
tree=$(s write-tree) && keep_index && last=$(s rev-parse --verify "$SWE_LAST^{tree}") || exit 1
echo "=tree $tree"
report_added
[ "$tree" != "$last" ] || exit 0
commit=$(printf 'Checkpoint\\n' | s commit-tree "$tree" -p "$SWE_PARENT") &&
  s update-ref refs/swe-agent/checkpoint "$commit" &&
  s bundle create -q "$SWE_BUNDLE" refs/swe-agent/checkpoint "^$SWE_EXCLUDE" &&
  bytes=$(wc -c <"$SWE_BUNDLE") || exit 1
echo "=commit $commit"
echo "=bytes" $bytes
`;

/** Branch and index are at the head, the worktree is at the commit. Each bundle may need the ones before it. */
export const RESTORE = `${PRELUDE}${MAKE_GIT}${ADD}${GO_TO}
require_seeded
number=0
while [ "$number" -lt "$SWE_PIECES" ]; do
  tip=$(g --git-dir="$store" bundle unbundle "$SWE_BUNDLE.$number") &&
    s update-ref refs/swe-agent/restored "\${tip%% *}" && rm -f "$SWE_BUNDLE.$number" || exit 1
  number=$((number + 1))
done
go_to "$SWE_HEAD"
GIT_INDEX_FILE=$store/index s read-tree --reset -u "$SWE_COMMIT" || exit 1
`;

export const RESET = `${PRELUDE}${MAKE_GIT}${ADD}${GO_TO}
require_seeded
go_to "$SWE_COMMIT"
`;

export const TREE = `${PRELUDE}${ADD}
require_seeded
add
tree=$(s write-tree) && keep_index || exit 1
echo "=tree $tree"
report_added
`;

export const COMMIT = `${PRELUDE}${ADD}
require_seeded
add
tree=$(s write-tree) && keep_index && before=$(s rev-parse --verify "$SWE_PARENT^{tree}") || exit 1
commit=$SWE_PARENT
if [ "$tree" != "$before" ]; then
  commit=$(printf '%s' "$SWE_MESSAGE" | s commit-tree "$tree" -p "$SWE_PARENT") || exit 1
fi
s update-ref "$SWE_REF" "$commit" && stat=$(s diff-tree -r -M --shortstat "$SWE_BASE" "$commit") || exit 1
echo "=tree $tree"
echo "=commit $commit"
echo "=stat $stat"
report_added
`;

export const STAT = `${PRELUDE}
stat=$(s diff-tree -r -M --shortstat "$SWE_FROM" "$SWE_TO") || exit 1
echo "=stat $stat"
`;

/** Positional parameters: paths, literally. */
export const DIFF = `${PRELUDE}
diff=$store/diff.$$
trap 'rm -f "$diff"' EXIT
s --literal-pathspecs diff-tree -r -p -M --no-ext-diff --no-textconv "$SWE_FROM" "$SWE_TO" -- "$@" >"$diff" &&
  bytes=$(wc -c <"$diff") || exit 1
echo "=bytes" $bytes
head -c "$SWE_MAX_BYTES" "$diff"
`;

/** Status and path of each file that differs, all ended by NUL. */
export const CHANGED_FILES = `${PRELUDE}
s diff-tree -r -z --no-renames --name-status "$SWE_FROM" "$SWE_TO"
`;

/** Positional parameters: paths. A commit on the base in which these are as in the other commit. */
export const COMMIT_FILES = `${PRELUDE}
list=$GIT_INDEX_FILE.list
s read-tree "$SWE_BASE" && printf '%s\\0' "$@" | s update-index -z --force-remove --stdin &&
  s --literal-pathspecs ls-tree -r -z --full-tree "$SWE_COMMIT" -- "$@" >"$list" &&
  s update-index -z --index-info <"$list" && tree=$(s write-tree) &&
  commit=$(printf 'Tests alone\\n' | s commit-tree "$tree" -p "$SWE_BASE") &&
  s update-ref refs/swe-agent/tests "$commit" || exit 1
echo "=tree $tree"
echo "=commit $commit"
`;

export const TREE_OF = `${PRELUDE}
tree=$(s rev-parse --verify "$SWE_COMMIT^{tree}") || exit 1
echo "=tree $tree"
`;

export const EXPORT = `${PRELUDE}
s update-ref "$SWE_REF" "$SWE_COMMIT" && s bundle create "$SWE_BUNDLE" "$SWE_REF" "^$SWE_BASE" &&
  bytes=$(wc -c <"$SWE_BUNDLE") || exit 1
case $SWE_REF in refs/heads/*) s update-ref -d "$SWE_REF" ;; esac
echo "=bytes" $bytes
`;
