# The daemons of the test cluster: how each is started, found again, and stopped. Sourced after settings.sh.
# shellcheck shell=bash
#
# A daemon is known by its process id together with the time it started (clock ticks since boot), in $run/NAME: a number
# that was given to another process since is never taken for it. It writes the record itself before it becomes the
# program, so that no daemon runs without one. All of them, and all that they start, stay in one control group.

# In the order of starting; stopped the other way round.
daemon_names=(etcd apiserver controller-manager scheduler containerd kubelet kube-proxy coredns network-policy volumes kwok)

# started_at PID: when it started; fails when there is no such process.
started_at() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # What follows the name, which may hold anything: the 20th field from there.
  read -ra stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && printf '%s' "${stat[19]}"
}

# pid_of NAME: its process id; fails when it does not run.
pid_of() {
  local pid start
  { read -r pid start <"$run/$1"; } 2>/dev/null || return 1
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] && printf '%s' "$pid"
}

# launch NAME COMMAND...: starts the command as the daemon NAME, unless it runs; in the node's network, unless `network`
# says "host".
launch() {
  local name=$1 enter=(nsenter --net="/run/netns/$namespace" --)
  shift
  ! pid_of "$name" >/dev/null || return 0
  [ "${network:-}" != host ] || enter=(env)
  # shellcheck disable=SC2016
  setsid bash -c '
    source "$1"; record=$2 group=$3; shift 3
    echo $$ >"$group/cgroup.procs" && echo "$$ $(started_at $$)" >"$record.new" && mv "$record.new" "$record" || exit 1
    exec "$@"' launch "$here/daemons.sh" "$run/$name" "$(daemon_group)" "${enter[@]}" "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
  until_succeeds 10 pid_of "$name" || fail "$name did not start: $(tail -n 3 "$logs/$name.log")"
}

# halt NAME [SECONDS]: asks it to end, and makes it after SECONDS (default 5); with 0 it is not asked.
halt() {
  local pid
  if pid=$(pid_of "$1"); then
    if [ "${2:-5}" != 0 ]; then kill "$pid" 2>/dev/null || true; fi
    until_succeeds "${2:-5}" gone "$1" || kill -9 "$pid" 2>/dev/null || true
    until_succeeds 5 gone "$1" || fail "$1 (process $pid) does not end"
  fi
  rm -f "$run/$1"
}

gone() { ! pid_of "$1"; }

# daemon_group: the control group that the daemons are put into.
daemon_group() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$cgroup/daemons"; else echo "/sys/fs/cgroup/pids/$cgroup/daemons"; fi
}

# make_groups: the cluster's control groups. The kubelet wants its root in every hierarchy.
make_groups() {
  local hierarchy controller
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$cgroup"
    for controller in cpuset cpu memory pids io hugetlb; do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
      echo "+$controller" >"/sys/fs/cgroup/$cgroup/cgroup.subtree_control" || true
    done 2>/dev/null
  else
    [ -d /sys/fs/cgroup/pids ] || fail 'needs the control group controller "pids"; the kernel has none mounted below /sys/fs/cgroup'
    for hierarchy in /sys/fs/cgroup/*/; do
      [ -e "$hierarchy/cgroup.controllers" ] || mkdir -p "$hierarchy/$cgroup"
    done
  fi
  mkdir -p "$(daemon_group)"
}

# end_groups: ends every process that is left in the cluster's control groups, and removes them.
end_groups() {
  local folders=() left=1 i
  for i in /sys/fs/cgroup/"$cgroup" /sys/fs/cgroup/*/"$cgroup"; do [ ! -d "$i" ] || folders+=("$i"); done
  [ ${#folders[@]} -gt 0 ] || return 0
  for ((i = 0; i < 100; i++)); do
    left=$(find "${folders[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
    [ -n "$left" ] || break
    # shellcheck disable=SC2086
    kill -9 $left 2>/dev/null || true
    sleep 0.1
  done
  [ -z "$left" ] || fail "these processes do not end: $left"
  until_succeeds 5 no_groups "${folders[@]}" || fail "control groups are left behind: ${folders[*]}"
}

no_groups() {
  find "$@" -depth -type d -exec rmdir {} + || true
  ! find "$@" -maxdepth 0
}
