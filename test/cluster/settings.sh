# What the scripts of the test cluster agree on. Sourced, never run; every script sources it first.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)

kubernetes_version=1.35.4
helm_version=3.19.5
kwok_version=0.8.0
versitygw_version=1.8.0

# Go wants it, and a service may have none.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME

# Everything lives here: programs and image archives are a cache, state is the cluster itself.
cluster_dir=${SWE_AGENT_CLUSTER_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/swe-agent-cluster}
bin=$cluster_dir/bin
images=$cluster_dir/images
cluster_archives=("$images"/{pause,small,debian,sandboxes}.tar)
state=$cluster_dir/state
run=$state/run
logs=$state/log
kubeconfig=$cluster_dir/kubeconfig

# One cluster per machine: these names and addresses are fixed, and belong to nobody else. The record tells whose it is.
owner=/run/swe-agent-cluster
namespace=swe-agent
node_name=swe-agent-node
host_link=swe-agent0
host_address=10.99.0.1
node_address=10.99.0.2
# TEST-NET-3: an address of the host that is in no private range, so that it stands in for the public internet.
public_address=203.0.113.1
# On the node, as a cloud's metadata service would be reached.
metadata_address=169.254.169.254
pod_range=10.244.0.0/24
service_range=10.96.0.0/16
kubernetes_service=10.96.0.1
dns_service=10.96.0.10
cgroup=swe-agent-cluster

# Where every kubelet listens for devices, so that a machine can have one kubelet only.
device_plugins=/var/lib/kubelet/device-plugins
containerd_socket=$state/containerd.sock
docker_dir=$cluster_dir/docker

# say TEXT: one line to the person who waits.
say() { printf 'cluster: %s\n' "$*" >&2; }

# fail TEXT: says why, and ends the script.
fail() {
  say "$*"
  exit 1
}

# impossible TEXT: ends the script when this machine cannot have the cluster; whoever runs tests may go on without.
impossible=69
impossible() {
  say "$*"
  exit "$impossible"
}

# Needs the kernel's namespaces and mounts, thus Linux and root.
require_linux_root() {
  [ "$(uname -s)" = Linux ] || impossible "needs Linux (this is $(uname -s)); set E2E_KUBECONFIG to a cluster of your own, see docs/development-cluster.md"
  [ "$(id -u)" = 0 ] || impossible "needs root, for network namespaces, mounts and containers: run it with sudo, or set E2E_KUBECONFIG to a cluster of your own, see docs/development-cluster.md"
}

# Kubernetes and its companions are built from source.
require_go() { command -v go >/dev/null || impossible 'needs Go 1.26 or newer (https://go.dev/dl), and found none'; }

# packages PROGRAM:PACKAGE...: installs the Debian packages whose program, by name or path, is not there.
packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || [ -x "${pair%%:*}" ] || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || impossible "needs these Debian packages, and there is no apt-get to install them: ${missing[*]}"
  say "installing ${missing[*]} ..."
  patiently install_packages "${missing[@]}" || fail "could not install ${missing[*]}"
}

# install_packages PACKAGE...: waits for another installation of this machine to end.
install_packages() {
  local options=(-qq -o DPkg::Lock::Timeout=300)
  { apt-get "${options[@]}" update && DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install -y --no-install-recommends "$@"; } >/dev/null
}

# patiently COMMAND...: tries it three times, for what comes over a network.
patiently() {
  "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }
}

# require_own: the cluster of this machine is not that of another folder, which must not be stopped from here.
require_own() {
  local other
  other=$(cat "$owner" 2>/dev/null) || return 0
  [ "$other" = "$cluster_dir" ] || [ ! -d "$other/state/run" ] ||
    fail "another one is up on this machine: use it with SWE_AGENT_CLUSTER_DIR=$other, or take it down with that"
}

# One of these scripts at a time. The lock ends with the script; daemons close its descriptor.
lock() {
  mkdir -p "$cluster_dir"
  exec 9>"$cluster_dir/lock"
  flock -n 9 || {
    say 'waiting for another cluster script to end ...'
    flock -w 2640 9 || fail "another cluster script still runs after 44 minutes (it holds $cluster_dir/lock)"
  }
}

# until SECONDS COMMAND...: repeats it ten times a second until it succeeds; fails after SECONDS.
until_succeeds() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}
