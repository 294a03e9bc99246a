#!/usr/bin/env bash
# Imports image archives into the test cluster: import.sh [--changed] [--name NAME] ARCHIVE...
# An archive is what `docker save` writes, or an OCI layout in a tar file. An OCI archive that does not name its image
# needs --name. With --changed an archive that was imported before and is the same since is passed over.
# Pods take what was imported with imagePullPolicy IfNotPresent or Never.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root
changed= name=()
while [ $# -gt 0 ]; do
  case $1 in
    --changed) changed=1 && shift ;;
    --name) name=(--index-name "$2") && shift 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || fail 'usage: import.sh [--changed] [--name NAME] ARCHIVE...'
[ -S "$containerd_socket" ] || fail "is not up: 'make cluster-up' first"
mkdir -p "$state/imported"
for archive in "$@"; do
  [ -s "$archive" ] || fail "there is no image archive $archive"
  stamp=$(stat -c '%s %Y %n' "$archive")
  mark=$state/imported/$(basename "$archive")
  if [ -n "$changed" ] && [ "$(cat "$mark" 2>/dev/null)" = "$stamp" ]; then continue; fi
  out=$(ctr -a "$containerd_socket" -n k8s.io images import ${name[@]+"${name[@]}"} "$archive" 2>&1) ||
    fail "$archive could not be imported: $(tail -n 1 <<<"$out")"
  printf '%s' "$stamp" >"$mark"
done
