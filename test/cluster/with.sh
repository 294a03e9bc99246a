#!/usr/bin/env bash
# with.sh [--down] COMMAND...: runs tests that want a cluster. Takes the one that E2E_KUBECONFIG names, else the built one,
# which it brings up if need be, and says which. The built one then stays for the next run; with --down the last run that
# uses it takes it down, if it was brought up for such runs only.
# Where there can be none it says why and runs the command all the same, whose tests on a cluster are then skipped; with
# CI=true it fails instead.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
down=
if [ "${1:-}" = --down ]; then down=1 && shift; fi
[ $# -gt 0 ] || fail 'usage: with.sh [--down] COMMAND...'
export CLUSTER_TESTS=true

if [ -n "${E2E_KUBECONFIG:-}" ]; then
  say "takes the cluster that E2E_KUBECONFIG names: $E2E_KUBECONFIG"
  exec "$@"
fi

# without CODE: there was no cluster to be had.
without() {
  if [ "$1" != "$impossible" ] || [ "${CI:-}" = true ]; then exit "$1"; fi
  say 'there can be none here, so the tests on a cluster are skipped'
  exec "${@:2}"
}

code=0
(require_linux_root && require_go) || code=$?
[ "$code" = 0 ] || without "$code" "$@"

# Every run holds a share of this lock while it lasts. It is for such runs only while the mark is there.
mkdir -p "$cluster_dir"
mark=$cluster_dir/only-while-used
exec 8>"$cluster_dir/users"
flock -s 8
if [ -z "$down" ]; then rm -f "$mark"; elif [ ! -s "$kubeconfig" ]; then touch "$mark"; fi

leave() {
  local status=$?
  trap - EXIT
  if [ -n "$down" ] && [ -e "$mark" ]; then
    if flock -n -x 8; then
      rm -f "$mark"
      "$here/down.sh" 8>&- || status=1
    else
      say 'stays up: another run uses it'
    fi
  fi
  exit "$status"
}
trap leave EXIT
trap 'exit 143' TERM INT

"$here/up.sh" 8>&- || code=$?
[ "$code" = 0 ] || without "$code" "$@"
say "takes the cluster of 'make cluster-up'${down:+, and takes it down after use if it was not up}"
PATH="$bin:$PATH" "$@" 8>&-
