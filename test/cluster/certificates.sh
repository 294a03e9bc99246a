# The certificates of the test cluster, made once and again before they expire. Sourced after settings.sh.
# shellcheck shell=bash

pki=$state/pki

# make_certificates: every key, certificate and kubeconfig of the cluster.
make_certificates() {
  local whole_day=86400
  if [ -e "$pki/.whole" ] && openssl x509 -in "$pki/ca.crt" -noout -checkend $((30 * whole_day)) >/dev/null; then return; fi
  rm -rf "$pki" && mkdir -p "$pki" && chmod 700 "$pki"
  authority ca swe-agent-cluster
  authority front-proxy-ca swe-agent-cluster-front-proxy

  local server="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate apiserver /CN=kube-apiserver "serverAuth" "$server,IP:127.0.0.1,IP:$node_address,IP:$kubernetes_service"
  certificate apiserver-kubelet-client /CN=kube-apiserver-kubelet-client clientAuth
  certificate kubelet-server "/O=system:nodes/CN=system:node:$node_name" serverAuth "DNS:$node_name,IP:$node_address"
  certificate front-proxy-client /CN=front-proxy-client clientAuth '' front-proxy-ca
  openssl genrsa -out "$pki/service-account.key" 2048 2>/dev/null
  openssl rsa -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub" 2>/dev/null

  user admin /O=system:masters/CN=swe-agent-cluster-admin
  user kubelet "/O=system:nodes/CN=system:node:$node_name"
  user controller-manager /CN=system:kube-controller-manager
  user scheduler /CN=system:kube-scheduler
  user kube-proxy /CN=system:kube-proxy
  # The enforcer of network policies proves itself by a token, as the project's own client does.
  openssl rand -hex 32 >"$pki/network-policy.token"
  printf '%s,system:network-policy,system:network-policy\n' "$(<"$pki/network-policy.token")" >"$pki/tokens.csv"
  touch "$pki/.whole"
}

# authority NAME SUBJECT: a certificate authority of its own.
authority() {
  openssl req -x509 -noenc -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 365 -subj "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$pki/$1.key" -out "$pki/$1.crt" 2>/dev/null
}

# certificate NAME SUBJECT USAGE [ALTERNATIVE NAMES] [AUTHORITY]
certificate() {
  local extensions="keyUsage=digitalSignature"$'\n'"extendedKeyUsage=$3" signer=${5:-ca}
  [ -z "${4:-}" ] || extensions+=$'\n'"subjectAltName=$4"
  openssl req -new -noenc -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj "$2" -keyout "$pki/$1.key" 2>/dev/null |
    openssl x509 -req -days 365 -CA "$pki/$signer.crt" -CAkey "$pki/$signer.key" -CAcreateserial \
      -extfile <(printf '%s\n' "$extensions") -out "$pki/$1.crt" 2>/dev/null
}

# user NAME SUBJECT: a client certificate, and the kubeconfig with it.
user() {
  certificate "$1" "$2" clientAuth
  (
    umask 077
    cat >"$pki/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: swe-agent-test
contexts: [{name: swe-agent-test, context: {cluster: swe-agent-test, user: $1}}]
clusters:
- name: swe-agent-test
  cluster: {server: "https://$node_address:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}
YAML
  )
}
