#!/usr/bin/env bash
# Brings up the test cluster: one node of a real Kubernetes in a network namespace of its own. Says in its last line where
# the kubeconfig is. Does nothing when it is up and healthy; whatever else it finds, it stops and starts anew.
#   KWOK=1   also starts KWOK, which plays the nodes annotated kwok.x-k8s.io/node=fake
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in daemons certificates network configuration; do source "$here/$part.sh"; done
require_linux_root
lock
require_own

# healthy: every daemon runs, the API server and the node are ready.
healthy() {
  local name
  for name in "${daemon_names[@]}"; do [ "$name" = kwok ] || pid_of "$name" >/dev/null || return 1; done
  [ -s "$kubeconfig" ] && api_ready && node_ready
}

began=$SECONDS
"$here/programs.sh"
"$here/images.sh"
if healthy 2>/dev/null; then
  "$here/import.sh" --changed "${cluster_archives[@]}"
  [ -z "${KWOK:-}" ] || start kwok
  say "is up already: Kubernetes $kubernetes_version, KUBECONFIG=$kubeconfig"
  exit 0
fi
built=$SECONDS
kept=
[ ! -d "$state/etcd" ] || kept=1
"$here/stop.sh"
if ! "$here/start.sh"; then
  [ -n "$kept" ] || fail 'could not be brought up'
  say 'did not come up with the objects of last time; starting anew without them'
  "$here/stop.sh"
  rm -rf "$state"
  "$here/start.sh" || fail 'could not be brought up'
fi
[ $((built - began)) -lt 5 ] || say "programs and images took $((built - began)) s, once"
say "is up after $((SECONDS - built)) s: Kubernetes $kubernetes_version, KUBECONFIG=$kubeconfig"
