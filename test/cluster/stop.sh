#!/usr/bin/env bash
# Stops whatever there is of the test cluster, in whatever state: daemons by their records, then every process left in the
# cluster's control groups, then mounts, network and links. Objects and images stay for the next start.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in daemons network; do source "$here/$part.sh"; done
require_linux_root
[ -d "$state" ] || [ -e "/run/netns/$namespace" ] || exit 0
require_own

# The kubelet first, or it would start again what is stopped; containerd last, it knows the containers.
halt kubelet
if pid_of containerd >/dev/null; then
  containers=(ctr --timeout 10s -a "$containerd_socket" -n k8s.io)
  for task in $("${containers[@]}" tasks ls -q 2>/dev/null); do "${containers[@]}" tasks rm -f "$task" >/dev/null 2>&1 || true; done
  for container in $("${containers[@]}" containers ls -q 2>/dev/null); do "${containers[@]}" containers rm "$container" >/dev/null 2>&1 || true; done
fi
for ((i = ${#daemon_names[@]} - 1; i >= 0; i--)); do halt "${daemon_names[i]}"; done
end_groups

# Mounts below others go first.
awk -v below="$state/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
remove_network

# What CNI and kubelet write outside of their folders, wherever those are.
for pod in "$state"/policy/*.pod; do rm -f /var/lib/cni/results/{swe-agent,cni-loopback}-"$(basename "$pod" .pod)"-*; done
for link in /var/log/containers/*; do [ ! -L "$link" ] || case $(readlink "$link") in "$state"/*) rm -f "$link" ;; esac; done
rm -f "$device_plugins/kubelet.sock"
rmdir -p "$device_plugins" /var/lib/cni/results /var/log/containers 2>/dev/null || true
rm -rf "$run" "$state"/{cni,policy,containerd-run,containerd.sock,containerd.sock.ttrpc}
rm -f "$kubeconfig" "$owner"
