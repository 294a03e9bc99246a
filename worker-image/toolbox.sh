#!/bin/sh
# Makes the toolbox on Debian: static git (from Debian's source package), busybox and ripgrep in one folder that can be
# copied anywhere.
#
#   sh toolbox.sh TARGET RG      TARGET: the folder to make; RG: a static ripgrep
#
# Needs gcc, libc6-dev, make, xz-utils and zlib1g-dev. What it downloads and builds is in a folder of its own, and so are
# apt's lists: the machine stays as it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=$1 rg=$2
case $target in /*) ;; *) target=$PWD/$target ;; esac
case $rg in /*) ;; *) rg=$PWD/$rg ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

# The machine's own Debian mirror, for sources as well.
mkdir -p sources lists/partial archives/partial
for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  [ -s "$list" ] || continue
  case $list in
    *.sources) sed 's/^Types: .*/Types: deb deb-src/' "$list" >sources/debian.sources ;;
    *) sed -n 's/^deb \(.*\)$/deb \1\ndeb-src \1/p' "$list" >sources/debian.list ;;
  esac
done
apt() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" -o Dir::State::Lists="$work/lists" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}
apt update
apt source --download-only git >/dev/null
apt download busybox-static >/dev/null

mkdir git
tar -xf git_*.orig.tar.xz --strip-components=1 -C git
cp "$here/git.mak" git/config.mak
make -s -C git -j "$(nproc)" all >make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }
rm -rf "$target"
make -s -C git DESTDIR="$target" install >make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }
strip "$target/bin/git"
# Servers, mail, and what has no interpreter here. It is copied into every Pod.
rm -rf "$target/share/perl5" "$target/share/man" "$target/share/gitweb"
(cd "$target/bin" && rm -f git-cvsserver git-shell scalar)
(cd "$target/libexec/git-core" && rm -f git-add--interactive git-archimport git-cvs* git-daemon git-http-backend git-imap-send \
  git-instaweb git-p4 git-send-email git-shell git-svn scalar)
dpkg-deb -x busybox-static_*.deb busybox
install -m 755 "$(find busybox -name busybox -type f -perm -u+x | head -n 1)" "$target/bin/busybox"
install -m 755 "$rg" "$target/bin/rg"
chmod -R a+rX "$target"
