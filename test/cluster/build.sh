#!/usr/bin/env bash
# Makes what the test cluster needs and starts nothing: programs, then images. Some minutes the first time, nothing to do
# after that; the lock lets a second run wait for the first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
require_linux_root
lock
began=$SECONDS
"$here/programs.sh"
"$here/images.sh"
"$here/pod-images.sh" >/dev/null
say "programs and images are there after $((SECONDS - began)) s"
