# The node's own network: a namespace and one link to the host. Pods, services and packet rules stay inside it, so that
# the host's own rules are never touched. Sourced after settings.sh.
# shellcheck shell=bash
#
#   host 10.99.0.1, 203.0.113.1 ── swe-agent0 ═══ eth0 ── 10.99.0.2 node ── Pods 10.244.0.0/24, services 10.96.0.0/16
#
# Nothing is forwarded to the outside: what a Pod may reach is the host, by two addresses. 10.99.0.1 is in a private
# range; 203.0.113.1, an address for documentation, stands in for the public internet.

# in_node COMMAND...: runs it in the node's network.
in_node() { nsenter --net="/run/netns/$namespace" -- "$@"; }

make_network() {
  [ ! -e "/run/netns/$namespace" ] || return 0
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  ip -n "$namespace" addr add "$metadata_address/32" dev lo
  ip link add "$host_link" type veth peer name eth0 netns "$namespace"
  ip addr add "$host_address/24" dev "$host_link"
  ip addr add "$public_address/32" dev "$host_link"
  ip link set "$host_link" up
  ip -n "$namespace" addr add "$node_address/24" dev eth0
  ip -n "$namespace" link set eth0 up
  ip -n "$namespace" route add "$public_address" via "$host_address"
  # A call to anywhere else fails at once instead of hanging.
  ip -n "$namespace" route add unreachable default
  ip route add "$pod_range" via "$node_address"
  ip route add "$service_range" via "$node_address"
  in_node sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
}

# The host's routes go with the link.
remove_network() {
  [ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace"
  ! ip link show "$host_link" >/dev/null 2>&1 || ip link del "$host_link"
}
