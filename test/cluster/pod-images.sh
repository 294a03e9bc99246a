#!/usr/bin/env bash
# Makes the images that only the tests of sandboxes in Pods need, and prints the path of their archive:
#
#   localhost/swe-agent-test/toolbox:1    what worker-image/Dockerfile has as its target toolbox, made by the same script
#   localhost/swe-agent-test/with-git:1   Debian with git, ripgrep and procps, in the place of the worker image
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root
mkdir -p "$cluster_dir"
# One at a time, beside the other scripts: build.sh calls this one while it holds their lock.
exec 7>"$cluster_dir/pod-images.lock"
flock -w 900 7 || fail 'the images of the tests of Pods are still being made after 15 minutes'
archive=$images/pods.tar
made=$(cat "$here/pod-images.sh" "$repository"/worker-image/{toolbox.sh,git.mak,package-lock.json} | cksum)
if [ "$(cat "$images/.made-pods" 2>/dev/null)" = "$made" ]; then
  echo "$archive"
  exit 0
fi
packages debootstrap:debootstrap gcc:gcc make:make jq:jq xz:xz-utils /usr/include/zlib.h:zlib1g-dev
say 'making the images of the tests of Pods ...'
mkdir -p "$images"
work=$(mktemp -d "$images/.pods-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

# image NAME FOLDER: adds an image whose only layer is the folder.
image() {
  local config
  tar --sort=name --mtime=@0 --numeric-owner -C "$2" -cf "$2.tar" .
  jq -n --arg arch "$(dpkg --print-architecture)" --arg diff "sha256:$(sha256sum <"$2.tar" | cut -d' ' -f1)" '
    { architecture: $arch, os: "linux", created: "1970-01-01T00:00:00Z",
      config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], User: "65532:65532", Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: [$diff] } }' >"$2.json"
  config=$(sha256sum <"$2.json" | cut -d' ' -f1).json
  mv "$2.json" "$config"
  jq -n --arg config "$config" --arg name "$1" --arg layer "$2.tar" '{ Config: $config, RepoTags: [$name], Layers: [$layer] }' >>manifest
}

mkdir -p ripgrep toolbox
cp "$repository"/worker-image/package*.json ripgrep/
(cd ripgrep && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
nice -n 10 sh "$repository/worker-image/toolbox.sh" toolbox/toolbox "$(find ripgrep -path '*/bin/rg' | head -n 1)" >toolbox.log 2>&1 ||
  fail "the toolbox could not be made: $(tail -n 3 toolbox.log)"
image localhost/swe-agent-test/toolbox:1 toolbox

mirror=$(apt-cache policy bash | grep -m1 -oE 'https?://[^ ]+/debian' || true)
# shellcheck disable=SC2086
nice -n 15 debootstrap --variant=minbase --include=git,procps,ripgrep bookworm with-git $mirror >debootstrap.log 2>&1 ||
  fail "debootstrap failed: $(tail -n 3 debootstrap.log)"
rm -rf with-git/var/cache/apt/archives/*.deb with-git/var/lib/apt/lists/* with-git/usr/share/{doc,man,locale,info}/*
image localhost/swe-agent-test/with-git:1 with-git

jq -s . manifest >manifest.json
# shellcheck disable=SC2046
tar -cf "$archive.new" manifest.json $(jq -r '.[] | .Config, .Layers[]' manifest.json)
mv -f "$archive.new" "$archive"
printf '%s' "$made" >"$images/.made-pods"
echo "$archive"
