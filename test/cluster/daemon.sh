#!/usr/bin/env bash
# Plays faults of the test cluster: daemon.sh start|stop|kill|restart|pid NAME, for one of its daemons
# (etcd, apiserver, controller-manager, scheduler, containerd, kubelet, kube-proxy, coredns, network-policy, volumes, kwok).
# kill ends it without a chance to tidy up. After the API server was started it waits until it answers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in daemons certificates configuration; do source "$here/$part.sh"; done
require_linux_root
[ $# = 2 ] || fail 'usage: daemon.sh start|stop|kill|restart|pid NAME'
[ -d "$run" ] || fail "is not up: 'make cluster-up' first"
case " ${daemon_names[*]} " in *" $2 "*) ;; *) fail "no daemon is called $2; there are: ${daemon_names[*]}" ;; esac
begin() {
  start "$1"
  [ "$1" != apiserver ] || until_succeeds 60 api_ready || fail "the API server does not answer, see $logs/apiserver.log"
}
case $1 in
  start) begin "$2" ;;
  stop) halt "$2" ;;
  kill) halt "$2" 0 ;;
  restart) halt "$2" && begin "$2" ;;
  pid) pid_of "$2" || fail "$2 does not run" ;;
  *) fail "start, stop, kill, restart or pid, not $1" ;;
esac
