#!/usr/bin/env bash
# A real Docker engine for tests of the project's images: docker.sh up|down. It has a socket, data, bridge and packet
# rules of its own, so that another engine of this machine notices nothing. Its base images are made locally (images.sh),
# under the names that Dockerfiles use, and stand in for those of the registry.
# Debian's engine has no BuildKit: RUN --mount does not work.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$here/daemons.sh"
require_linux_root

run=$docker_dir/run
logs=$docker_dir/log
cgroup=swe-agent-docker
bridge=swe-agent-d0
bridge_address=10.98.0.1
bridge_range=10.98.0.0/24
export DOCKER_HOST=unix://$docker_dir/docker.sock

answers() { [ "$(pid_of dockerd)" ] && docker version; }

# rules -A|-D: containers reach the outside; only answers reach containers.
rules() {
  local rule
  for rule in "filter FORWARD -i $bridge -j ACCEPT" "filter FORWARD -o $bridge -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT" \
    "nat POSTROUTING -s $bridge_range ! -o $bridge -j MASQUERADE"; do
    # shellcheck disable=SC2086
    set -- "$1" $rule
    while iptables -w 5 -t "$2" -C "${@:3}" 2>/dev/null; do iptables -w 5 -t "$2" -D "${@:3}"; done
    if [ "$1" = -A ]; then iptables -w 5 -t "$2" -I "${@:3}"; fi
    set -- "$1"
  done
}

# load: makes the images known to the engine, as far as they are new.
load() {
  local archive loaded
  for archive in debian node sandboxes small; do
    loaded=$docker_dir/data/loaded-$archive
    [ "$loaded" -nt "$images/$archive.tar" ] && continue
    docker load --quiet --input "$images/$archive.tar" >/dev/null || fail "$images/$archive.tar could not be loaded"
    touch "$loaded"
  done
}

up() {
  packages dockerd:docker.io docker:docker.io iptables:iptables ip:iproute2
  "$here/images.sh"
  if answers >/dev/null 2>&1; then
    load
    say "the Docker engine is up already: export DOCKER_HOST=$DOCKER_HOST TESTCONTAINERS_RYUK_DISABLED=true"
    return
  fi
  down
  mkdir -p "$run" "$logs"
  make_groups
  ip link add "$bridge" type bridge
  ip addr add "$bridge_address/24" dev "$bridge"
  ip link set "$bridge" up
  rules -A
  sysctl -n net.ipv4.ip_forward >"$docker_dir/forwarded"
  sysctl -qw net.ipv4.ip_forward=1
  # Ports are published by the engine's own proxy, without a rule.
  network=host launch dockerd dockerd --host "$DOCKER_HOST" --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" \
    --pidfile "$docker_dir/dockerd.pid" --bridge "$bridge" --iptables=false --cgroup-parent "/$cgroup"
  until_succeeds 60 answers || fail "the Docker engine does not answer, see $logs/dockerd.log"
  load
  say "the Docker engine $(docker version --format '{{.Server.Version}}') is up: export DOCKER_HOST=$DOCKER_HOST TESTCONTAINERS_RYUK_DISABLED=true"
}

# down: stops whatever there is of it; images and volumes stay, unless WIPE is set.
down() {
  if answers >/dev/null 2>&1; then docker ps -q | xargs -r docker kill >/dev/null 2>&1 || true; fi
  halt dockerd 20
  end_groups
  awk -v below="$docker_dir/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  ! command -v iptables >/dev/null || rules -D
  ! ip link show "$bridge" >/dev/null 2>&1 || ip link del "$bridge"
  if [ "$(cat "$docker_dir/forwarded" 2>/dev/null)" = 0 ]; then sysctl -qw net.ipv4.ip_forward=0; fi
  rm -rf "$run" "$docker_dir"/{exec,forwarded,dockerd.pid,docker.sock}
}

case ${1:-} in
  up)
    lock
    up
    ;;
  down)
    lock
    down
    [ -z "${WIPE:-}" ] || rm -rf "$docker_dir"
    say 'the Docker engine is down'
    ;;
  *) fail 'usage: docker.sh up|down' ;;
esac
