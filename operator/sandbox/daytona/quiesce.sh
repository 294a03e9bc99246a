# Ends every process of a sandbox and keeps the files. POSIX sh.
#
#   sh -c "$(cat quiesce.sh)" swe-agent-quiesce ROOT GRACE_HUNDREDTHS SANDBOX
#
# The runner ends the commands, so that each is recorded as ended by the platform, and then itself. What left its care is
# known by the variable that every process of the sandbox has.

run=$1/.run grace=$2 waited=0
exec 2>/dev/null
cd /
nap() { if sleep 0.02; then waited=$((waited + 2)); else sleep 1; waited=$((waited + 100)); fi; }
# One that ended stays until its parent looks, which may take seconds or for ever; and its number may be another's by now.
alive() {
  pid= at= x=
  read -r pid at <"$run/runner.pid" && kill -0 "$pid" && IFS= read -r x <"/proc/$pid/stat" || return 1
  set -- ${x##*) }
  [ "$1" != Z ] && [ "${20}" = "$at" ]
}
tell() { [ ! -p "$run/in.1" ] || printf '\nQ %s\n' "$1" 1<>"$run/in.1"; }
if alive; then tell TERM; fi
while alive && [ "$waited" -lt "$grace" ]; do nap; done
if alive; then tell KILL; fi
waited=0
while alive && [ "$waited" -lt 70 ]; do nap; done
for round in 1 2 3 4 5; do
  # One look at all of them: a grep for each takes seconds where there are many.
  found=$(grep -l "SWE_AGENT_SANDBOX=$3" /proc/[0-9]*/environ)
  [ "$found" ] || break
  for file in $found; do
    pid=${file#/proc/}
    kill -s KILL "${pid%/environ}"
  done
  nap
done
:
