# Installs git with the package manager of a sandbox's image, in the background, since no request may last as long as that.
# POSIX sh.
#
#   sh -c "$(cat install-git.sh)" swe-agent-install-git FOLDER
#
# Begins, unless that is under way, and prints what is the case now:
#   none              there is no package manager that it knows
#   running MANAGER   ask again
#   installed MANAGER
#   failed MANAGER    and the last that it said; asked again, it is tried once more
#
# Files in FOLDER: pid, log, and exit when it ended.

folder=$1 manager=
for each in apt-get apk dnf microdnf yum zypper; do
  if command -v "$each" >/dev/null; then manager=$each && break; fi
done
if [ ! "$manager" ]; then echo none && exit; fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
install() {
  case $manager in
    apt-get)
      as_root apt-get -o Acquire::Retries=3 update &&
        as_root env DEBIAN_FRONTEND=noninteractive \
          apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 install -y --no-install-recommends git
      ;;
    apk) as_root apk add --no-cache git ;;
    zypper) as_root zypper --non-interactive install git ;;
    *) as_root "$manager" install -y git ;;
  esac
}
# A mirror may be away for a moment.
persist() { for wait in 1 4 0; do install && return; sleep "$wait"; done && false; }
begin() {
  mkdir -p "$folder" || exit
  (
    trap '' HUP
    persist
    echo $? >"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
  ) </dev/null >"$folder/log" 2>&1 &
  echo $! >"$folder/pid"
}
# After the sandbox was stopped and started the number may be another process's.
alive() { read -r pid <"$folder/pid" && grep -q swe-agent-install-git "/proc/$pid/cmdline"; }

if read -r status <"$folder/exit"; then
  if [ "$status" = 0 ]; then echo "installed $manager"; else echo "failed $manager" && tail -c 1000 "$folder/log"; fi
  rm -rf "$folder"
else
  if ! alive; then rm -rf "$folder" && begin; fi
  echo "running $manager"
fi 2>/dev/null
