#!/usr/bin/env bash
# with.sh [--down] cluster|docker COMMAND...: runs tests that want a cluster, or a Docker engine. Takes the one that there
# is (E2E_KUBECONFIG names a cluster; DOCKER_HOST an engine, or docker finds one by itself), else the built one, which it
# brings up if need be, and says which. The built one then stays for the next run; with --down the last run that uses it
# takes it down, if it was brought up for such runs only.
# Where there can be none it says why and runs the command all the same, whose tests on it are then skipped; with CI=true
# it fails instead.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
down=
if [ "${1:-}" = --down ]; then down=1 && shift; fi
[ $# -gt 1 ] || fail 'usage: with.sh [--down] cluster|docker COMMAND...'
what=$1
shift

case $what in
  cluster)
    export CLUSTER_TESTS=true
    up=("$here/up.sh") end=("$here/down.sh") there=$kubeconfig
    if [ -n "${E2E_KUBECONFIG:-}" ]; then
      say "takes the cluster that E2E_KUBECONFIG names: $E2E_KUBECONFIG"
      exec "$@"
    fi
    ;;
  docker)
    export IMAGE_TESTS=true
    up=("$here/docker.sh" up) end=("$here/docker.sh" down) there=$docker_dir/docker.sock
    if [ -n "${DOCKER_HOST:-}" ] || docker version >/dev/null 2>&1; then
      say "takes the Docker engine ${DOCKER_HOST:-that docker finds by itself}"
      exec "$@"
    fi
    ;;
  *) fail "cluster or docker, not $what" ;;
esac

# without CODE COMMAND...: there was none to be had.
without() {
  if [ "$1" != "$impossible" ] || [ "${CI:-}" = true ]; then exit "$1"; fi
  say "there can be none here, so the tests on a $what are skipped"
  exec "${@:2}"
}

code=0
(require_linux_root && require_go) || code=$?
[ "$code" = 0 ] || without "$code" "$@"

# Every run holds a share of this lock while it lasts. It is for such runs only while the mark is there.
mkdir -p "$cluster_dir"
mark=$cluster_dir/$what-only-while-used
exec 8>"$cluster_dir/$what-users"
flock -s 8
if [ -z "$down" ]; then rm -f "$mark"; elif [ ! -e "$there" ]; then touch "$mark"; fi

leave() {
  local status=$?
  trap - EXIT
  if [ -n "$down" ] && [ -e "$mark" ]; then
    if flock -n -x 8; then
      rm -f "$mark"
      "${end[@]}" 8>&- || status=1
    else
      say "the $what stays up: another run uses it"
    fi
  fi
  exit "$status"
}
trap leave EXIT
trap 'exit 143' TERM INT

"${up[@]}" 8>&- || code=$?
[ "$code" = 0 ] || without "$code" "$@"
say "takes the $what of 'make $what-up'"
PATH="$bin:$PATH" "$@" 8>&-
