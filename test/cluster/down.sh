#!/usr/bin/env bash
# Takes the test cluster down and leaves nothing running, mounted or linked. Its objects and imported images stay for the
# next start; with WIPE=1 they go as well. The built programs and images are a cache and always stay.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root
lock
if [ -n "${WIPE:-}" ] && [ -s "$kubeconfig" ]; then
  # Where the cluster's provisioner puts volumes is fixed in Kubernetes: only those that this cluster made are removed.
  volumes=$("$bin/kubectl" --kubeconfig "$kubeconfig" --request-timeout 5s get persistentvolumes -o json 2>/dev/null |
    jq -r '.items[] | select(.metadata.annotations["pv.kubernetes.io/provisioned-by"] == "kubernetes.io/host-path") | .spec.hostPath.path' || true)
fi
"$here/stop.sh"
if [ -n "${WIPE:-}" ]; then
  for volume in ${volumes:-}; do case $volume in /tmp/hostpath_pv/?*) rm -rf "$volume" ;; esac; done
  rmdir /tmp/hostpath_pv 2>/dev/null || true
  rm -rf "$state"
  say 'is down, its objects are wiped'
else
  say 'is down; its objects are kept for the next start (WIPE=1 removes them)'
fi
