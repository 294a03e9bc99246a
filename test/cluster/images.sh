#!/usr/bin/env bash
# Makes the images of the test cluster without a registry, from Debian packages, into $SWE_AGENT_CLUSTER_DIR/images.
#
# None of them is the image whose name it bears: each stands in for it, with the same kind of content, and says so in its
# label dev.sweagent.stand-in. A cluster of your own pulls the real ones under the same names.
#
#   docker.io/library/debian:bookworm-slim   Debian bookworm, minimal
#   docker.io/library/ubuntu:22.04           the same: bash, apt, no git, no Python
#   docker.io/library/python:3.12-slim       the same with Debian's Python (3.11) as python and python3
#   docker.io/library/redis:7                the same with Debian's redis-server (7.0)
#   docker.io/library/alpine:3               busybox and musl, nothing of glibc
#   docker.io/library/busybox:1              busybox alone
#   localhost/swe-agent-test/non-root:1      Debian, run as user 10001
#   localhost/swe-agent-test/named-user:1    Debian, run as a user by name, which Kubernetes cannot tell from root
#   localhost/swe-agent-test/pause:1         what holds a Pod's namespaces
#   docker.io/library/node:26-slim           for builds on the Docker engine: Debian with the project's Node, and npm
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root

node=$(sh "$repository/scripts/node" -p process.execPath)
made="$(cat "$here/images.sh" "$here/modules/pause/main.go" | cksum) $("$node" --version)"
[ "$(cat "$images/.made" 2>/dev/null)" != "$made" ] || exit 0
packages debootstrap:debootstrap jq:jq
require_go
say 'making images ...'
work=$images/.new
# A run that was killed may have left its mounts. In memory, because the installation of packages waits for the disk.
awk -v work="$work" '$2 == work || index($2, work "/") == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
rm -rf "$images"/.made "$work"
mkdir -p "$work"
mount -t tmpfs -o mode=755,size=3g swe-agent-images "$work"
trap 'cd / && umount -l "$work" && rm -rf "$work"' EXIT
mkdir "$work/packages"
cd "$work"

# debian NAME [PACKAGES]: a Debian root with these packages, separated by commas.
debian() {
  patiently bootstrap "$@" || fail "debootstrap failed: $(tail -n 3 "$1.log")"
  rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* "$1"/usr/share/{doc,man,locale,info}/* "$1"/var/log/*.log
}

bootstrap() {
  local mirror
  rm -rf "$1"
  mirror=$(apt-cache policy bash | grep -m1 -oE 'https?://[^ ]+/debian' || true)
  # shellcheck disable=SC2086
  nice -n 15 debootstrap --variant=minbase --cache-dir="$work/packages" ${2:+--include=$2} bookworm "$1" $mirror >"$1.log" 2>&1
}

# package NAME FOLDER: unpacks a Debian package there without installing it.
package() {
  (cd "$work/packages" && patiently apt-get download -qq "$1" >/dev/null 2>&1) || fail "the Debian package $1 could not be downloaded"
  dpkg-deb -x "$work/packages/$1"_*.deb "$2"
}

# busybox_root FOLDER: busybox under all its names.
busybox_root() {
  local applet
  package busybox-static unpacked
  mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,etc,root,tmp,var/tmp,home/app,proc,sys,dev}
  chmod 1777 "$1"/{tmp,var/tmp}
  chown 10001:10001 "$1/home/app"
  install -m 755 unpacked/bin/busybox "$1/bin/busybox"
  "$1/bin/busybox" --list-full | while read -r applet; do
    [ -e "$1/$applet" ] || ln -s /bin/busybox "$1/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001::/home/app:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\napp:x:10001:\n' >"$1/etc/group"
}

# layer NAME: the folder as a layer that is the same whenever its files are.
layer() { tar --sort=name --mtime=@0 --numeric-owner -C "$1" -cf "$1.tar" . && rm -rf "$1"; }

# image NAME CONFIG LAYER...: an image of these layers; CONFIG is what its JSON has beside them.
image() {
  local name=$1 config=$2 digests=() one
  shift 2
  for one in "$@"; do digests+=("sha256:$(sha256sum <"$one.tar" | cut -d' ' -f1)"); done
  jq -n --argjson config "$config" --arg arch "$(dpkg --print-architecture)" '
    { architecture: $arch, os: "linux", created: "1970-01-01T00:00:00Z",
      config: ({ Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] } + $config),
      rootfs: { type: "layers", diff_ids: $ARGS.positional } }' --args "${digests[@]}" >config
  one=$(sha256sum <config | cut -d' ' -f1).json
  mv config "$one"
  jq -n --arg config "$one" --arg name "$name" '{ Config: $config, RepoTags: [$name], Layers: ($ARGS.positional | map(. + ".tar")) }' \
    --args "$@" >>manifest
}

# stand_in TEXT [CONFIG]: the configuration of an image that says what it really is.
stand_in() { jq -n --arg text "$1" "{ Labels: { \"dev.sweagent.stand-in\": \$text } } + ${2:-{\}}"; }

# archive NAME: the images since the last archive, as docker save writes them.
archive() {
  jq -s . manifest >manifest.json
  # shellcheck disable=SC2046
  tar -cf "$images/$1.tar.new" manifest.json $(jq -r '.[] | .Config, .Layers[]' manifest.json | sort -u)
  mv -f "$images/$1.tar.new" "$images/$1.tar"
  rm -f manifest manifest.json
}

mkdir -p pause "$images"
(cd "$here/modules/pause" && CGO_ENABLED=0 nice -n 15 go build -trimpath -ldflags '-s -w' -o "$work/pause/pause" .)
layer pause
image localhost/swe-agent-test/pause:1 '{ "Cmd": null, "Entrypoint": ["/pause"], "User": "65535:65535" }' pause
archive pause

busybox_root busybox
cp -a busybox alpine
package musl alpine
rm -rf alpine/usr/share/{doc,lintian}
printf 'ID=alpine-like\nPRETTY_NAME="busybox and musl from Debian, in the place of Alpine"\n' >alpine/etc/os-release
layer busybox
layer alpine
image docker.io/library/busybox:1 "$(stand_in 'busybox of Debian, in the place of busybox:1')" busybox
image docker.io/library/alpine:3 "$(stand_in 'busybox and musl of Debian, in the place of alpine:3')" alpine
archive small

debian base
# Only for images that bear no name of a real one: what Dockerfiles build upon has no user of ours.
install -d app/etc
{ cat base/etc/passwd && printf 'app:x:10001:10001::/home/app:/bin/sh\n'; } >app/etc/passwd
{ cat base/etc/group && printf 'app:x:10001:\n'; } >app/etc/group
install -d -o 10001 -g 10001 app/home/app
layer app
layer base
image docker.io/library/debian:bookworm-slim "$(stand_in 'minimal Debian, made locally')" base
archive debian
image docker.io/library/ubuntu:22.04 "$(stand_in 'minimal Debian bookworm, in the place of ubuntu:22.04' '{ Cmd: ["bash"] }')" base
image localhost/swe-agent-test/non-root:1 "$(stand_in 'an image whose user is not root' '{ User: "10001:10001", WorkingDir: "/home/app" }')" base app
image localhost/swe-agent-test/named-user:1 "$(stand_in 'an image whose user is a name' '{ User: "app", WorkingDir: "/home/app" }')" base app
debian python python3,python3-venv
mkdir -p python/usr/local/bin
for name in python python3; do ln -s /usr/bin/python3 "python/usr/local/bin/$name"; done
layer python
image docker.io/library/python:3.12-slim "$(stand_in "Debian bookworm with its Python 3.11, in the place of python:3.12-slim" '{ Cmd: ["python3"] }')" python
debian redis redis-server
layer redis
image docker.io/library/redis:7 "$(stand_in 'Debian bookworm with its redis-server, in the place of redis:7' '{ Cmd: ["redis-server", "--protected-mode", "no"] }')" redis
archive sandboxes

mkdir -p node/usr/local/{bin,lib/node_modules}
# What the project's Node needs beside the C library.
package libatomic1 node
rm -rf node/usr/share
install -m 755 "$node" node/usr/local/bin/node
# npm in a build trusts what this machine trusts: its way to the registry may have an authority of its own.
authorities=/etc/ssl/certs/ca-certificates.crt
[ ! -e "$authorities" ] || install -D -m 644 "$authorities" "node$authorities"
cp -rL "$(dirname "$(readlink -f "$(command -v npm)")")/.." node/usr/local/lib/node_modules/npm
for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "node/usr/local/bin/$name"; done
layer node
image docker.io/library/node:26-slim "$(stand_in 'minimal Debian with the Node of this project and the npm of this machine, in the place of node:26-slim' "$(jq -n --arg file "$authorities" \
  '{ Cmd: ["node"], Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NODE_EXTRA_CA_CERTS=" + $file] }')")" base node
archive node

printf '%s' "$made" >"$images/.made"
