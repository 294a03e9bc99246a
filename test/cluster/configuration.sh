# The configuration files of the test cluster's daemons, and the command line of each. Sourced after settings.sh.
# shellcheck shell=bash

configuration=$state/configuration

write_configuration() {
  mkdir -p "$configuration" "$state"/{cni/bin,cni/net.d,kubelet,policy}
  # Who is not known may ask whether the server is alive, nothing else.
  cat >"$configuration/authentication.yaml" <<'YAML'
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}, {path: /healthz}]}
YAML

  # restrict_oom_score_adj: machines without CAP_SYS_RESOURCE, virtual ones above all, could start no container without it.
  # The handler "kata" is a second runc with a root of its own: it shows that a RuntimeClass is honoured, and isolates no more.
  cat >"$configuration/containerd.toml" <<TOML
version = 2
root = "$state/containerd"
state = "$state/containerd-run"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/swe-agent-test/pause:1"
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$state/cni/bin"
    conf_dir = "$state/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.options]
        SystemdCgroup = false
        Root = "$state/containerd-run/kata"
TOML

  # Each Pod hangs on a link of its own, so that all its traffic passes the node's packet rules. The last plugin holds a
  # Pod back until the enforcer of network policies knows it.
  ln -sf /usr/lib/cni/* "$state/cni/bin/"
  install -m 755 "$here/network-policy/swe-agent-gate" "$state/cni/bin/swe-agent-gate"
  cat >"$state/cni/net.d/10-swe-agent.conflist" <<JSON
{ "cniVersion": "1.0.0", "name": "swe-agent", "plugins": [
  { "type": "ptp", "ipMasq": false, "ipam": { "type": "host-local", "dataDir": "$state/cni/ipam",
    "ranges": [[{ "subnet": "$pod_range" }]], "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } },
  { "type": "swe-agent-gate", "folder": "$state/policy", "daemon": "$run/network-policy" } ] }
JSON

  # Images are never collected: there is no registry to bring them back.
  echo "nameserver $dns_service" >"$configuration/resolv.conf"
  cat >"$configuration/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_address
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: unix://$containerd_socket
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
clusterDomain: cluster.local
clusterDNS: [$dns_service]
resolvConf: $configuration/resolv.conf
podLogsDir: $state/kubelet/logs
volumePluginDir: $state/kubelet/volume-plugins
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
maxPods: 200
nodeStatusUpdateFrequency: 4s
syncFrequency: 10s
YAML

  cat >"$configuration/Corefile" <<COREFILE
.:53 {
  bind $node_address
  errors
  hosts {
    $host_address host.swe-agent.test
    $public_address public.swe-agent.test
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig $kubeconfig
    pods insecure
  }
  cache 5
}
COREFILE
}

# start NAME: starts one daemon of the cluster, unless it runs.
start() {
  local api="https://$node_address:6443"
  case $1 in
    etcd)
      # A cluster for tests need not survive a power failure, and must not wait for the disk.
      launch etcd "$bin/etcd" --name swe-agent --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster swe-agent=http://127.0.0.1:2380
      ;;
    apiserver)
      launch apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
        --advertise-address="$node_address" --service-cluster-ip-range="$service_range" --allow-privileged \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
        --authentication-config="$configuration/authentication.yaml" --token-auth-file="$pki/tokens.csv" \
        --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
        --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
        --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local \
        --service-account-key-file="$pki/service-account.pub" --service-account-signing-key-file="$pki/service-account.key" \
        --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- \
        --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key"
      ;;
    controller-manager)
      launch controller-manager "$bin/kube-controller-manager" --leader-elect=false --bind-address=127.0.0.1 \
        $(credentials controller-manager) --use-service-account-credentials --enable-hostpath-provisioner \
        --service-account-private-key-file="$pki/service-account.key" --root-ca-file="$pki/ca.crt" \
        --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
        --client-ca-file="$pki/ca.crt" --requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
        --kube-api-qps=300 --kube-api-burst=600
      ;;
    volumes)
      # Kubernetes' own provisioner for tests makes folders that only root may write to; real volumes are their Pod's.
      launch volumes bash -c 'while sleep 0.2; do
        find /tmp/hostpath_pv -mindepth 1 -maxdepth 1 -type d -perm 0750 -exec chmod 0777 {} + 2>/dev/null; done'
      ;;
    scheduler)
      launch scheduler "$bin/kube-scheduler" --leader-elect=false --bind-address=127.0.0.1 $(credentials scheduler) \
        --kube-api-qps=300 --kube-api-burst=600
      ;;
    containerd) launch containerd containerd --config "$configuration/containerd.toml" ;;
    kubelet)
      launch kubelet "$bin/kubelet" --config="$configuration/kubelet.yaml" --kubeconfig="$pki/kubelet.kubeconfig" \
        --root-dir="$state/kubelet" --cert-dir="$state/kubelet/pki" --hostname-override="$node_name" --node-ip="$node_address"
      ;;
    kube-proxy)
      # The host's limits of tracked connections are not the cluster's to change.
      launch kube-proxy "$bin/kube-proxy" --kubeconfig="$pki/kube-proxy.kubeconfig" --hostname-override="$node_name" \
        --proxy-mode=iptables --cluster-cidr="$pod_range" --conntrack-max-per-core=0 \
        --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
      ;;
    coredns) launch coredns "$bin/coredns" -conf "$configuration/Corefile" ;;
    network-policy)
      launch network-policy sh "$repository/scripts/node" "$here/network-policy/main.ts" \
        --server "$api" --ca "$pki/ca.crt" --token "$pki/network-policy.token" --pods "$state/policy"
      ;;
    kwok)
      launch kwok "$bin/kwok" --kubeconfig="$kubeconfig" --config="$bin/kwok-stages.yaml" --node-ip="$node_address" \
        --manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake
      ;;
    *) fail "no daemon is called $1; there are: ${daemon_names[*]}" ;;
  esac
}

# credentials NAME: the options of a controller that speaks to the API server, and asks it who speaks to itself.
credentials() { echo "--kubeconfig=$pki/$1.kubeconfig --authentication-kubeconfig=$pki/$1.kubeconfig --authorization-kubeconfig=$pki/$1.kubeconfig"; }

# api_ready: the API server says that it is.
api_ready() { [ "$(curl -s -m 2 --cacert "$pki/ca.crt" "https://$node_address:6443/readyz")" = ok ]; }

# node_ready: the node was ready when its kubelet spoke last.
node_ready() {
  [ "$("$bin/kubectl" --kubeconfig "$kubeconfig" --request-timeout 5s get node "$node_name" \
    -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}
