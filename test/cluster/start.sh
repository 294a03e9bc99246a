#!/usr/bin/env bash
# Starts the test cluster from stopped until its node is ready. The programs and images are there already.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in daemons certificates network configuration; do source "$here/$part.sh"; done
require_linux_root

kube() { "$bin/kubectl" --kubeconfig "$kubeconfig" --request-timeout 5s "$@"; }

if ss -xlH | grep -qF " $device_plugins/kubelet.sock "; then
  fail 'another kubelet runs on this machine; set E2E_KUBECONFIG to its cluster, see docs/development-cluster.md'
fi
mkdir -p "$run" "$logs"
printf '%s' "$cluster_dir" >"$owner"
make_certificates
write_configuration
make_groups
make_network
for name in etcd apiserver controller-manager scheduler containerd; do start "$name"; done
until_succeeds 60 ctr -a "$containerd_socket" version || fail "containerd does not answer, see $logs/containerd.log"
"$here/import.sh" --changed "${cluster_archives[@]}"
until_succeeds 60 api_ready || fail "the API server is not ready, see $logs/apiserver.log"
install -m 600 "$pki/admin.kubeconfig" "$kubeconfig"
until_succeeds 20 kube apply -f "$here/objects.yaml" ||
  fail "the objects of the cluster could not be made: $(kube apply -f "$here/objects.yaml" 2>&1 | tail -n 1)"
for name in kubelet kube-proxy coredns network-policy volumes; do start "$name"; done
[ -z "${KWOK:-}" ] || start kwok
until_succeeds 60 node_ready || fail "the node is not ready, see $logs/kubelet.log"
until_succeeds 30 kube -n default get serviceaccount default || fail "namespaces get no ServiceAccount, see $logs/controller-manager.log"
until_succeeds 30 test -e "$state/policy/synced" || fail "the enforcer of network policies is not ready, see $logs/network-policy.log"
