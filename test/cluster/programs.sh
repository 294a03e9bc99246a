#!/usr/bin/env bash
# Brings the programs of the test cluster: Debian packages, and Kubernetes, etcd, CoreDNS, Helm, an S3 server (and KWOK
# with KWOK=1) built from Go modules into $SWE_AGENT_CLUSTER_DIR/bin. About ten minutes the first time; nothing to do after that.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root

# built NAME STAMP: whether NAME was built from just what STAMP says.
built() { [ "$(cat "$bin/.$1" 2>/dev/null)" = "$2" ]; }

# module NAME PACKAGE...: builds the packages from modules/NAME, whose go.sum holds every byte of them.
module() {
  local name=$1 stamp
  shift
  stamp="$(cat "$here/modules/$name/go.mod" "$here/modules/$name/go.sum" | cksum) $* ${link_flags:-}"
  built "$name" "$stamp" && return
  say "building $name ..."
  rm -rf "$bin/.new-$name" && mkdir -p "$bin/.new-$name"
  (
    cd "$here/modules/$name"
    CGO_ENABLED=0 patiently nice -n 15 go build -mod=readonly -trimpath -ldflags "-s -w ${link_flags:-}" -o "$bin/.new-$name/" "$@"
  ) || fail "$name could not be built"
  keep "$name" "$stamp"
}

# published NAME PACKAGE@VERSION: builds a program that its own module can build as published.
published() {
  built "$1" "$2" && return
  say "building $1 ..."
  rm -rf "$bin/.new-$1" && mkdir -p "$bin/.new-$1"
  GOBIN="$bin/.new-$1" CGO_ENABLED=0 patiently nice -n 15 go install -trimpath -ldflags '-s -w' "$2" || fail "$1 could not be built"
  keep "$1" "$2"
}

# keep NAME STAMP: takes over what was built whole; a build killed half-way leaves no stamp.
keep() {
  mv -f "$bin/.new-$1"/* "$bin/"
  rmdir "$bin/.new-$1"
  printf '%s' "$2" >"$bin/.$1"
}

mkdir -p "$bin"
packages containerd:containerd runc:runc iptables:iptables conntrack:conntrack ip:iproute2 ss:iproute2 nsenter:util-linux \
  openssl:openssl curl:curl jq:jq /usr/lib/cni/ptp:containernetworking-plugins
require_go

# The version that the API server tells its clients.
base=k8s.io/component-base/version
link_flags="-X $base.gitVersion=v$kubernetes_version -X $base.gitMajor=1 -X $base.gitMinor=$(cut -d. -f2 <<<"$kubernetes_version")" \
  module kubernetes k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy,kubectl}
module etcd go.etcd.io/etcd/server/v3
# Go names a program after its folder.
[ ! -e "$bin/server" ] || mv -f "$bin/server" "$bin/etcd"
module coredns ./...
published helm "helm.sh/helm/v3/cmd/helm@v$helm_version"
# An S3 server, for the tests of blobs in one.
published versitygw "github.com/versity/versitygw/cmd/versitygw@v$versitygw_version"
if [ -n "${KWOK:-}" ]; then
  published kwok "sigs.k8s.io/kwok/cmd/kwok@v$kwok_version"
  # How its fake nodes and Pods live is published beside the program.
  if [ "$bin/kwok-stages.yaml" -ot "$bin/.kwok" ]; then
    stages=$(cd / && go mod download -json "sigs.k8s.io/kwok@v$kwok_version" | jq -r .Dir)/kustomize/stage
    for stage in "$stages"/node/{fast,heartbeat-with-lease}/node-*.yaml "$stages"/pod/fast/pod-*.yaml; do
      cat "$stage" && echo '---'
    done >"$bin/kwok-stages.new"
    mv "$bin/kwok-stages.new" "$bin/kwok-stages.yaml"
  fi
fi
