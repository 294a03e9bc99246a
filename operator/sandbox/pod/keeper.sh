# The first process of a sandbox's container. POSIX sh and nothing else.
#
#   sh -c "$(cat keeper.sh)" swe-agent-keeper ROOT TICK_SECONDS [TOOLBOX]
#
# It makes the folders, adopts and reaps what commands leave behind, and starts the runner (ROOT/.run/runner.sh, brought by
# the operator) whenever it is asked to with SIGUSR1 and none is running. Its end is the end of every process.

root=$1 run=$1/.run asked=
# A Pod that ended with success would count as completed, and why it had to end (an eviction above all) be forgotten.
trap 'exit 143' TERM INT
trap 'asked=1' USR1
umask 022
cd /
# The cluster's API is none of a command's business.
unset KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT
unset KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_PROTO KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_ADDR
# What the image has comes first; the toolbox has what the image has not.
[ -z "$3" ] || PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}:$3/bin
export PATH

folders() { mkdir -p "$root/repo" "$run" "$root/home" "$root/tmp"; }

# What it says was true of the container before a restart.
rm -f "$run/runner.pid"
folders
while :; do
  if [ "$asked" ] && [ -s "$run/runner.sh" ]; then
    folders
    /bin/sh "$run/runner.sh" "$root" "$2" </dev/null >/dev/null 2>&1 &
    runner=$!
    printf '%s\n' "$runner" >"$run/runner.pid"
    # A signal ends the waiting, not the runner.
    while kill -0 "$runner" 2>/dev/null; do wait "$runner"; done
    rm -f "$run/runner.pid"
    asked=
  else
    asked=
    sleep 86400 &
    sleeping=$!
    # Who asked between the two lines above asks again.
    wait "$sleeping"
    kill "$sleeping" 2>/dev/null
  fi
done
