# One conversation with the runner of a Daytona sandbox: it runs as a command of a session, whose input the operator writes
# and whose log it follows. It starts the runner when there is none; the runner outlives it, and the session. POSIX sh.
#
#   sh -c "$(cat attach.sh)" swe-agent-attach ROOT NAME TICK_SECONDS SANDBOX TOOLBOX RUNNER
#
# Lines in are for the runner. Lines out are what it says; "X" when it is gone, which is the end. RUNNER is its script.

root=$1 run=$1/.run name=$2 tick=$3 id=$4 toolbox=$5 runner=$6
exec 2>/dev/null
set -f
umask 022
cd /
mkdir -p "$root/repo" "$root/home" "$root/tmp" "$run"
waited=0

# Waits for a moment, which is shorter at first, and counts it in milliseconds. Not every sleep knows fractions.
nap() {
  if [ "$waited" -lt 60 ]; then set -- 0.003 3; else set -- 0.02 20; fi
  if sleep "$1"; then waited=$((waited + $2)); else sleep 1; waited=$((waited + 1000)); fi
}

# Sets `started` to the start time of process $1, by which it differs from a later one of the same number.
start_time() {
  x=
  IFS= read -r x <"/proc/$1/stat" || return 1
  set -- ${x##*) }
  [ "$1" != Z ] && started=${20}
}

alive() {
  pid= at=
  read -r pid at <"$run/runner.pid" && kill -0 "$pid" && start_time "$pid" && [ "$started" = "$at" ]
}

# Where the sandbox comes from is none of a command's business.
surroundings() {
  for variable in $(env | sed -n 's/^\(DAYTONA_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$variable"; done
  unset OLDPWD
  # What the image has comes first; the toolbox has what the image has not.
  PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}:$toolbox/bin
  HOME=$root/home TMPDIR=$root/tmp USER=agent LOGNAME=agent SHELL=/bin/sh LANG=C.UTF-8 TERM=dumb NO_COLOR=1 PAGER=cat
  GIT_PAGER=cat GIT_TERMINAL_PROMPT=0 DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1 SWE_AGENT_SANDBOX=$id
  export PATH HOME TMPDIR USER LOGNAME SHELL LANG TERM NO_COLOR PAGER GIT_PAGER GIT_TERMINAL_PROMPT DEBIAN_FRONTEND
  export PYTHONUNBUFFERED SWE_AGENT_SANDBOX
}

# Starts the runner as nobody's child, in a process group of its own: the end of the session must not be its end.
begin() {
  pid=$(
    surroundings
    if command -v setsid >/dev/null; then
      setsid /bin/sh -c "$runner" swe-agent-runner "$root" "$tick" </dev/null >/dev/null 2>&1 &
    else
      set -m
      /bin/sh -c "$runner" swe-agent-runner "$root" "$tick" </dev/null >/dev/null 2>&1 &
    fi
    printf '%s' "$!"
  )
  start_time "$pid" && printf '%s %s\n' "$pid" "$started" >"$run/runner.pid"
}

# There is one runner, whoever asks for it at the same time. A lock that nobody gives back belonged to somebody who died.
ensure() {
  patience=$((waited + 10000))
  until alive; do
    if mkdir "$run/starting"; then
      alive || begin
      rmdir "$run/starting"
    else
      nap
      if [ "$waited" -gt "$patience" ]; then
        rmdir "$run/starting"
        patience=$((waited + 10000))
      fi
    fi
  done
}

listen() {
  (
    cat "$run/out.$name"
    printf '\nX\n'
    kill "$$"
  ) 4>&- </dev/null &
}

while [ "$waited" -lt 60000 ]; do
  ensure
  if ! [ -p "$run/in.1" ]; then
    nap
    continue
  fi
  exec 4<>"$run/in.1"
  # The line break ends what a predecessor may have left unfinished.
  printf '\nC %s\n' "$name" >&4
  silent=$((waited + 8000))
  while [ "$waited" -lt "$silent" ] && alive; do
    if [ -p "$run/out.$name" ]; then
      listen
      # One write a line: others write to the runner too.
      while IFS= read -r l; do [ -z "$l" ] || printf '%s\n' "$l" >&4; done
      exit 0
    fi
    nap
  done
  # One that is there and deaf is of no use to anybody; its commands go on without it.
  if alive; then kill -s KILL "$pid"; fi
done
printf 'X\n'
