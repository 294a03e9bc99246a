/**
 * The shell scripts that do git's work inside the sandbox; worktree.ts runs them. POSIX sh, values only through the
 * environment, results on lines that begin with "=".
 *
 * The platform keeps a repository of its own beside the worktree (`store`), with its own index. The worktree's .git belongs
 * to the model and borrows the store's objects: whatever is done to it (commits, ignore rules, a deleted .git) changes
 * neither what counts as the result nor what the platform has recorded.
 */

/** Folder of the platform's own repository, relative to the sandbox's root. */
export const STORE = '.store.git';

const PRELUDE = `
export LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_LFS_SKIP_SMUDGE=1 GIT_NO_REPLACE_OBJECTS=1 GIT_DEFAULT_HASH=$SWE_FORMAT
store=$SWE_STORE worktree=$SWE_WORKTREE
mkdir -p "$worktree" && cd "$worktree" || exit 1
export GIT_INDEX_FILE="$store/index.$$"
trap 'rm -f "$store/index.$$" "$store/index.$$.lock"' EXIT
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

/** Makes the worktree's .git anew, at a commit. */
const MAKE_GIT = `
make_git() (
  unset GIT_INDEX_FILE
  rm -rf .git || exit 1
  g init -q --template= --initial-branch="$branch" . &&
    cat "$store/worktree-config" >>.git/config &&
    printf '%s\\n' "$SWE_ALTERNATE" >.git/objects/info/alternates || exit 1
  if [ -f "$store/shallow" ]; then cp "$store/shallow" .git/shallow || exit 1; fi
  {
    printf 'create refs/heads/%s %s\\n' "$branch" "$1"
    [ "$tracked" = - ] || printf 'create refs/remotes/origin/%s %s\\n' "$tracked" "$base"
  } | g update-ref --stdin && cp -p "$store/index" .git/index
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

export const SEED = `${PRELUDE}${MAKE_GIT}
if seeded; then
  if [ "$base" = "$SWE_COMMIT" ]; then exit 0; fi
  for ref in "$store"/refs/swe-agent/*; do
    case $ref in */base | */\\*) ;; *) echo "the sandbox holds work on commit $base"; exit 1 ;; esac
  done
fi
rm -rf "$store" && rm -rf "$worktree"/* "$worktree"/.[!.]* "$worktree"/..?* || exit 1
base=$SWE_COMMIT branch=$SWE_BRANCH tracked=$SWE_TRACKED
g init -q --bare --template= "$store" || exit 1
if [ "$SWE_SHALLOW" ]; then cp "$SWE_SHALLOW" "$store/shallow" || exit 1; fi
g --git-dir="$store" bundle unbundle "$SWE_BUNDLE" >/dev/null &&
  g --git-dir="$store" update-ref refs/swe-agent/base "$base" &&
  s read-tree --reset -u "$base" && mv -f "$GIT_INDEX_FILE" "$store/index" &&
  printf '%s\\n' "$SWE_CONFIG" >"$store/worktree-config" && make_git "$base" &&
  printf '%s\\n' "$base" "$branch" "$tracked" >"$store/seeded.new" && mv -f "$store/seeded.new" "$store/seeded" || exit 1
rm -f "$SWE_BUNDLE" "$SWE_SHALLOW"
`;

export const RESTORE = `${PRELUDE}${MAKE_GIT}${ADD}${GO_TO}
require_seeded
g --git-dir="$store" bundle unbundle "$SWE_BUNDLE" >/dev/null &&
  g --git-dir="$store" update-ref refs/swe-agent/restored "$SWE_COMMIT" || exit 1
go_to "$SWE_COMMIT"
rm -f "$SWE_BUNDLE"
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

export const EXPORT = `${PRELUDE}
s update-ref "$SWE_REF" "$SWE_COMMIT" && s bundle create -q "$SWE_BUNDLE" "$SWE_REF" "^$SWE_BASE" &&
  bytes=$(wc -c <"$SWE_BUNDLE") || exit 1
case $SWE_REF in refs/heads/*) s update-ref -d "$SWE_REF" ;; esac
echo "=bytes" $bytes
`;
