/** Ends every process of a sandbox but its keeper, from inside the container. */

/**
 * Arguments: the root, and how long processes have to heed TERM, in hundredths of a second. The runner ends the commands, so
 * that each is recorded as ended by the platform, and then itself.
 */
export const QUIESCE_SCRIPT = `
run=$1/.run grace=$2 waited=0
nap() { if sleep 0.02 2>/dev/null; then waited=$((waited + 2)); else sleep 1; waited=$((waited + 100)); fi; }
alive() { read -r pid <"$run/runner.pid" && kill -0 "$pid"; } 2>/dev/null
tell() { [ ! -p "$run/in.1" ] || printf '\\nQ %s\\n' "$1" 1<>"$run/in.1"; }
if alive; then tell TERM; fi
while alive && [ "$waited" -lt "$grace" ]; do nap; done
if alive; then tell KILL; fi
waited=0
while alive && [ "$waited" -lt 70 ]; do nap; done
# What left the runner's care. The first process is the keeper; $$ and this shell still have to report.
read -r self x </proc/self/stat
for round in 1 2 3 4 5; do
  found=
  for entry in /proc/[0-9]*; do
    other=\${entry#/proc/}
    case $other in 1 | "$$" | "$self") continue ;; esac
    kill -s KILL "$other" 2>/dev/null && found=1
  done
  [ "$found" ] || break
  nap
done
:`;
