# The operator's end of a sandbox, inside: one exec carries the conversation with the runner and all files. POSIX sh.
#
#   sh -c "$(cat link.sh)" swe-agent-link ROOT MARK [KEEPER_PID]
#
# Lines in:  A NAME LENGTH        attach to the runner, which is started when there is none; "N" on stdout asks for its
#                                 script, which follows as that many bytes and the line "E NAME"
#            F US ID US VERB …    a request about files, answered on stderr in the order asked:
#              get OFFSET LENGTH PATH     "ID ok", the bytes, MARK | "ID absent" | "ID outside"
#              stat PATH                  "ID file|directory|other MODE SIZE" | "ID absent" | "ID outside"
#              put BEGIN LENGTH TOKEN     and that many bytes after the line, added to what is staged: "ID ok" | "ID full"
#              install MODE TOKEN PATH    puts what is staged in the place of PATH: "ID ok" | "ID refused WHY" | "ID full"
#            anything else        a line for the runner
# Lines out: what the runner says; "X" when it is gone.
#
# The last field of a request is ".", newlines inside a field are written as RS. MARK is random: no file ends with it.

root=$1 run=$1/.run mark=$2 keeper=${3:-1}
nl='
'
us=$(printf '\037.') rs=$(printf '\036.')
us=${us%.} rs=${rs%.}
exec 3>&2 2>/dev/null
set -f
umask 022
cd /
reader= waited=0

# Waits for a moment, which is shorter at first, and counts it in milliseconds. Not every sleep knows fractions.
nap() {
  if [ "$waited" -lt 60 ]; then set -- 0.003 3; else set -- 0.02 20; fi
  if sleep "$1"; then waited=$((waited + $2)); else sleep 1; waited=$((waited + 1000)); fi
}

alive() {
  pid=
  read -r pid <"$run/runner.pid" && kill -0 "$pid"
}

# Sets x with its newlines restored.
lines() { while :; do case $x in *"$rs"*) x=${x%%"$rs"*}$nl${x#*"$rs"} ;; *) return ;; esac; done; }

# --- the runner -------------------------------------------------------------------------------------------------------

# receive NAME LENGTH: the runner's script, which a runner that is being started must never see in part.
receive() {
  [ -d "$run" ] || mkdir -p "$run"
  printf 'N\n'
  take "$2" >"$run/runner.$1" && IFS= read -r l && [ "$l" = "E $1" ] || exit 1
  mv -f "$run/runner.$1" "$run/runner.sh"
}

# attach NAME LENGTH
attach() {
  received=
  while [ "$waited" -lt 60000 ]; do
    if alive && [ -p "$run/in.1" ]; then
      exec 4<>"$run/in.1"
      # The line break ends what a predecessor may have left unfinished.
      printf '\nC %s\n' "$1" >&4
      silent=$((waited + 8000))
      while [ "$waited" -lt "$silent" ] && alive; do
        if [ -p "$run/out.$1" ]; then
          listen "$run/out.$1"
          return
        fi
        nap
      done
      # One that is there and deaf is of no use to anybody; its commands go on without it.
      if alive; then kill -s KILL "$pid"; fi
    elif ! alive; then
      if [ -z "$received" ]; then receive "$1" "$2"; received=1; fi
      kill -s USR1 "$keeper"
    fi
    nap
  done
  exit 1
}

listen() {
  (
    trap 'kill "$cat"; exit' TERM
    cat <"$1" &
    cat=$!
    wait "$cat"
    printf '\nX\n'
  ) 3>&- 4>&- &
  reader=$!
}

# --- files ------------------------------------------------------------------------------------------------------------

# How to take exactly so many bytes from stdin.
if printf 'abcd' | { dd bs=3 count=1 iflag=fullblock of=/dev/null; read -r x; [ "$x" = d ]; }; then
  take() { dd bs="$1" count=1 iflag=fullblock; }
else
  take() { dd ibs=1 count="$1" obs=65536; }
fi

# Resolves the path in x, its last part too: sets `resolved`. Fails with `why` absent or outside.
resolve() {
  hops=0
  while :; do
    why=absent
    above=${x%/*}
    CDPATH= cd -P -- "${above:-/}" || return 1
    resolved=${PWD%/}/${x##*/}
    cd /
    case $resolved in
      */.. | */.) why=outside; return 1 ;;
      "$root" | "$root"/*) ;;
      *) why=outside; return 1 ;;
    esac
    [ "$1" ] && [ -L "$resolved" ] || return 0
    hops=$((hops + 1))
    if [ "$hops" -gt 40 ]; then why=outside; return 1; fi
    target=$(readlink "$resolved" && echo .) || return 1
    target=${target%"$nl".}
    case $target in /*) x=$target ;; *) x=${resolved%/*}/$target ;; esac
  done
}

# get ID OFFSET LENGTH, path in x
get() {
  if ! resolve follow; then printf '%s %s\n' "$1" "$why" >&3; return; fi
  if ! [ -f "$resolved" ] || ! [ -r "$resolved" ]; then printf '%s absent\n' "$1" >&3; return; fi
  printf '%s ok\n' "$1" >&3
  if [ "$2" = 0 ]; then
    head -c "$3" <"$resolved"
  else
    # Whole blocks are skipped without being read.
    blocks=$(($2 / 65536)) rest=$(($2 % 65536))
    dd bs=65536 skip="$blocks" count=$(((rest + $3 + 65535) / 65536)) <"$resolved" | tail -c "+$((rest + 1))" | head -c "$3"
  fi >&3
  printf '%s\n' "$mark" >&3
}

stat_() {
  if ! resolve; then printf '%s %s\n' "$1" "$why" >&3; return; fi
  if [ -L "$resolved" ]; then kind=other
  elif [ -d "$resolved" ]; then kind=directory
  elif [ -f "$resolved" ]; then kind=file
  elif [ -e "$resolved" ]; then kind=other
  else printf '%s absent\n' "$1" >&3; return; fi
  id=$1
  set -- $(ls -ldn -- "$resolved")
  printf '%s %s %s %s\n' "$id" "$kind" "$1" "$5" >&3
}

# put ID BEGIN LENGTH TOKEN
put() {
  [ -d "$run/put" ] || mkdir -p "$run/put"
  if [ "$2" = 1 ]; then true >"$run/put/$4"; fi
  if ! [ -f "$run/put/$4" ]; then
    [ "$3" = 0 ] || take "$3" >/dev/null
    printf '%s full\n' "$1" >&3
  elif [ "$3" = 0 ] || take "$3" >>"$run/put/$4"; then
    printf '%s ok\n' "$1" >&3
  else
    rm -f "$run/put/$4"
    printf '%s full\n' "$1" >&3
    # How much of the rest was taken nobody knows.
    exit 1
  fi
}

# install ID MODE TOKEN, path in x. No part of the path may be a link, and what is replaced is never followed.
install() {
  if ! [ -f "$run/put/$3" ]; then printf '%s full\n' "$1" >&3; return; fi
  above=${x%/*} there=${x%/*}
  while ! [ -e "$there" ] && ! [ -L "$there" ]; do there=${there%/*}; done
  why=link
  if CDPATH= cd -P -- "${there:-/}" && [ "$PWD" = "$there" ]; then
    cd /
    why=directory
    if [ -L "$x" ] || ! [ -d "$x" ]; then
      why=read-only
      if [ -d "$above" ] || mkdir -p -- "$above"; then
        [ "$2" = 644 ] || chmod "$2" "$run/put/$3"
        [ ! -L "$x" ] || rm -f -- "$x"
        if mv -f -- "$run/put/$3" "$x"; then printf '%s ok\n' "$1" >&3; return; fi
      elif [ -w "$there" ]; then
        why=full
      fi
    fi
  fi
  cd /
  rm -f "$run/put/$3"
  if [ "$why" = full ]; then printf '%s full\n' "$1" >&3; else printf '%s refused %s\n' "$1" "$why" >&3; fi
}

# F US ID US VERB US ARGUMENT… US "."
files() {
  case $3 in
    get) x=$6; lines; get "$2" "$4" "$5" ;;
    stat) x=$4; lines; stat_ "$2" ;;
    put) put "$2" "$4" "$5" "$6" ;;
    install) x=$6; lines; install "$2" "$4" "$5" ;;
  esac
}

while IFS= read -r l; do
  case $l in
    "F$us"*)
      IFS=$us
      set -- $l
      IFS=" 	$nl"
      files "$@"
      ;;
    'A '*) attach ${l#A } ;;
    '') ;;
    # One write a line: others write to the runner too.
    *) [ -z "$reader" ] || printf '%s' "$l$nl" >&4 ;;
  esac
done
[ -z "$reader" ] || kill "$reader"
