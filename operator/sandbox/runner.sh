# The command protocol inside the sandbox. POSIX sh and nothing else: dash, bash and busybox ash run it.
#
#   sh -c "$(cat runner.sh)" swe-agent-runner ROOT TICK_SECONDS
#
# It reads lines from the FIFO ROOT/.run/in.1 and writes lines to the FIFO of whoever connected last. It outlives
# whoever talks to it, and ends by itself when for two ticks nobody listened and no command ran.
#
# Lines in:   request  = ID EPOCH VERB ARGUMENT... "."     fields separated by US, newlines inside a field written as RS;
#                                                          the last field is the proof that the line is whole
#             C NAME     connect: after the next hello, answers go to the FIFO ROOT/.run/out.NAME
#             D NUMBER … a supervisor: the command of that number ended
#             T          a tick of the clock
#             Q SIGNAL   send the signal to every running command, take no new one, end when none is left
# Lines out:  ID WORD …  the answer to a request
#             ! WORD …   something happened: exit, fail, lost, tick
#
# Files in ROOT/.run, OP being the operation id and NUMBER the one that the claim names:
#             epoch         the highest epoch that was seen; lower ones are refused
#             claim/OP      EPOCH NUMBER, created exclusively before anything starts: whoever creates it starts the command
#             pid/NUMBER    worker and supervisor, each with its start time against reused pids; when it began; its limit
#             out/OP        stdout and stderr
#             ended/NUMBER  why the platform ended it
#             exit/NUMBER   STATUS ENDED BEGAN FINISHED; without it the command is running or its fate is unknown
#             reserve/N     room for the few small files that a command needs, given up when the disk is full
#
# A command is run by a worker in a session of its own. Its parent, the supervisor, is outside of that session and only
# waits and records. One worker is started ahead of time and waits for its command, so that none waits for a worker.

root=$1 tick=$2 run=$1/.run worktree=$1/repo
nl='
'
us=$(printf '\037.') rs=$(printf '\036.')
us=${us%.} rs=${rs%.}
set -f

# The worker. It becomes one line, so that line 1 of a command is called line 1. Its arguments: ROOT/.run, NUMBER, boot,
# US, RS, and the request or nothing, in which case the request comes on stdin.
worker='
r=$1 n=$2 b=$3 f=$4 y=$5 g=$6 i=$IFS; set -f;
x=; IFS= read -r x </proc/$PPID/stat; set -- ${x##*) }; p=${20:--};
x=; IFS= read -r x </proc/self/stat; set -- ${x##*) }; w=${20:--};
[ "$g" ] || IFS= read -r g || exit 125;
u=; read -r u x </proc/uptime; u=${u:--};
IFS=$f; set -- $g; IFS=$i; set +f;
o=$4 k=$5 t=$6 d=$7 swe_agent_command=$8; shift 8;
if [ "$k" = query ]; then printf "" >"$r/out/$o" || exit 125; fi;
exec </dev/null >>"$r/out/$o" 2>&1 || exit 125;
printf "%s\n" "$$ $w $PPID $p $u $t $b" >"$r/pid/$n" || exit 125;
[ -e "$r/ended/$n" ] && exit 143;
swe_agent_lines() { while :; do case $x in *"$y"*) x=${x%%"$y"*}${i#??}${x#*"$y"} ;; *) return ;; esac; done; };
x=$d; swe_agent_lines; cd -- "$x" || exit 1;
while [ $# -gt 1 ]; do x=$1; swe_agent_lines; export "$x"; shift; done;
x=$swe_agent_command; swe_agent_lines; swe_agent_command=$x;
unset -f swe_agent_lines; unset r n b f y g i x p w u o k t d; set --;
eval "$swe_agent_command"
'
IFS=$nl
set -- $worker
IFS=' '
worker="$*"
IFS=" 	$nl"

say() { printf '%s\n' "$*"; }

# Keeps room for a day when the disk is full, so that a command can still be started to free some. No process is needed.
keep_room() {
  [ -d "$run/reserve" ] && return
  mkdir "$run/reserve" || return
  for x in 1 2 3 4 5 6 7 8; do
    printf '%32768s' '' >"$run/reserve/$x" || { rm -rf "$run/reserve"; return; }
  done
} 2>/dev/null

# Gives up what was kept; fails when there is nothing to give up.
make_room() {
  [ -d "$run/reserve" ] && rm -rf "$run/reserve"
} 2>/dev/null

# Sets `started` to the start time of a process in clock ticks since boot; "-" where there is no /proc; fails when it is gone.
start_time() {
  started=-
  [ -e /proc/self/stat ] || return 0
  x=
  IFS= read -r x <"/proc/$1/stat" || return 1
  set -- ${x##*) }
  [ "$1" != Z ] || return 1
  started=${20:--}
} 2>/dev/null

# Whether the process PID that started at START is alive; START may be "-" for any.
alive() {
  kill -0 "$1" 2>/dev/null && start_time "$1" || return 1
  [ "$2" = - ] || [ "$started" = "$2" ]
}

# Sets x to a field with its newlines restored, or the reverse.
lines() { while :; do case $x in *"$rs"*) x=${x%%"$rs"*}$nl${x#*"$rs"} ;; *) return ;; esac; done; }
line() { while :; do case $x in *"$nl"*) x=${x%%"$nl"*}$rs${x#*"$nl"} ;; *) return ;; esac; done; }

# --- commands ---------------------------------------------------------------------------------------------------------

# launch NUMBER STDIN [REQUEST]: starts supervisor and worker. The supervisor survives a signal meant for its child.
launch() {
  (
    trap : TERM INT HUP
    if [ "$setsid" ]; then
      setsid "$shell" -c "$worker" "$shell" "$run" "$1" "$boot" "$us" "$rs" "$3" <"$2"
      status=$?
    else
      set -m
      "$shell" -c "$worker" "$shell" "$run" "$1" "$boot" "$us" "$rs" "$3" <"$2" &
      wait "$!"
      status=$?
      while kill -0 "$!"; do
        wait "$!"
        status=$?
      done
    fi
    b=
    read -r wp ws sp ss began limit b <"$run/pid/$1"
    if [ "$b" ]; then
      ended= finished=
      read -r ended <"$run/ended/$1"
      read -r finished x </proc/uptime
      result="$status ${ended:--} $began ${finished:--}"
      printf '%s\n' "$result" >"$run/exit/$1" || { make_room && printf '%s\n' "$result" >"$run/exit/$1"; }
    else
      result=fail
    fi
    printf '%s\n' "D $1 $result" 1<>"$run/in.1"
  ) </dev/null >/dev/null 2>&1 4>&- 5>&- &
  eval "child_${1##*.}=$!"
}

# Starts the worker that waits. There is never more than one, so that the FIFO has one reader; opening it anew drops
# what the last one may have left unread.
prepare_spare() {
  [ -p "$run/task" ] || mkfifo "$run/task" 2>/dev/null || return
  exec 4>&-
  exec 4<>"$run/task"
  count=$((count + 1))
  spare=ready spare_number=$incarnation.$count
  launch "$spare_number" "$run/task" ''
  spare_child=$!
}

# claim OP KIND
claim() {
  if [ "$2" = run ]; then set -C; fi
  { printf '%s\n' "$epoch $number" >"$run/claim/$1"; } 2>/dev/null
  x=$?
  set +C
  return "$x"
}

# start ID OP KIND: claims the operation and starts the request in $l.
start() {
  if [ "$stopping" ]; then say "$1 stopping"; return; fi
  if [ "$3" = run ] && [ -e "$run/claim/$2" ]; then say "$1 exists"; return; fi
  warm=
  if [ "$spare" = ready ] && kill -0 "$spare_child" 2>/dev/null; then
    warm=1 number=$spare_number
  else
    count=$((count + 1)) number=$incarnation.$count
  fi
  if ! claim "$2" "$3"; then
    # Somebody removed the protocol's files. The next runner makes them anew; whoever asked sees that this one is gone.
    [ -d "$run/claim" ] || exit 1
    rm -f "$run/claim/$2"
    if ! { make_room && claim "$2" "$3"; }; then
      rm -f "$run/claim/$2"
      say "$1 full"
      return
    fi
  fi
  running="$running$2:$number "
  if [ "$warm" ]; then
    spare=busy
    printf '%s\n' "$l" >&4
  else
    launch "$number" /dev/null "$l"
  fi
  say "$1 ok"
}

# Sets `state` and `detail` of a command by its number.
look() {
  state=exited detail= began=-
  if recorded "$1"; then return; fi
  b=
  read -r wp ws sp ss began limit b <"$run/pid/$1"
  if [ -z "$b" ]; then
    # Claimed, not begun: its supervisor will begin it or say that it failed.
    state=unknown
    case $running in
      *":$1 "*)
        eval "child=\${child_${1##*.}:-}"
        if [ "$child" ] && alive "$child" -; then state=running; fi
        ;;
    esac
    wp=
    return
  fi
  if [ "$b" = "$boot" ] && { alive "$wp" "$ws" || alive "$sp" "$ss"; }; then
    state=running
    return
  fi
  if recorded "$1"; then return; fi
  ended=
  read -r ended <"$run/ended/$1"
  if [ "$ended" ]; then detail="137 $ended $began -"; else state=unknown; fi
} 2>/dev/null

recorded() {
  f=
  IFS=' ' read -r s e a f <"$run/exit/$1"
  [ "$f" ] && detail="$s $e $a $f"
}

# Sets `number` of an operation; fails when it was never claimed. An empty number is a claim that a crash cut short.
claimed() {
  number=
  [ -e "$run/claim/$1" ] || return 1
  read -r x number <"$run/claim/$1"
  return 0
}

attach() {
  claimed "$2" || { say "$1 absent"; return; }
  look "$number"
  now=-
  read -r now x </proc/uptime
  say "$1 $state ${detail:-- - $began $now}"
} 2>/dev/null

# end NUMBER SIGNAL REASON: signals the process group of a running command and says in `sent` whether one was there. The
# first reason stays.
end() {
  sent=none
  look "$1"
  [ "$state" = running ] || return
  [ -s "$run/ended/$1" ] || printf '%s\n' "$3" >"$run/ended/$1"
  # A group of 0 or 1 would be other people's processes.
  [ "${wp:-0}" -gt 1 ] && alive "$wp" "$ws" || return
  { kill -s "$2" -- "-$wp" || kill -s "$2" "$wp"; } && sent=sent
} 2>/dev/null

forget() {
  case $running in
    *" $1 "*) running="${running%%" $1 "*} ${running#*" $1 "}" ;;
  esac
}

# A supervisor reports: NUMBER STATUS ENDED BEGAN FINISHED, or NUMBER fail.
ended() {
  number=$1
  shift
  case $running in
    *":$number "*)
      op=${running%%":$number "*} op=${op##* }
      if [ "$1" = fail ]; then
        # The worker records its pid before it runs the command: without that nothing was run.
        rm -f "$run/claim/$op"
        make_room
        say "! fail $op"
      else
        say "! exit $op $*"
      fi
      forget "$op:$number"
      ;;
    *) op= ;;
  esac
  if [ "${number%.*}" = "$incarnation" ]; then
    eval "child=\${child_${number##*.}:-}; unset child_${number##*.}"
    [ -z "$child" ] || wait "$child"
  fi
  [ "$number" != "$spare_number" ] || spare=none
  if [ "$stopping" ]; then
    [ "$running" != ' ' ] || exit 0
  elif [ "$op" ] && [ "$spare" = none ]; then
    prepare_spare
    keep_room
  fi
}

# What nobody reported: supervisors that were killed, commands whose limit passed while nobody was there to end them.
sweep() {
  now=-
  read -r now x </proc/uptime
  for entry in $running; do
    op=${entry%:*} number=${entry##*:}
    look "$number"
    case $state in
      exited) say "! exit $op $detail" ;;
      unknown) say "! lost $op" ;;
      *)
        if [ "$wp" ] && [ "$now" != - ] && [ "$began" != - ] && [ $((${now%.*} - ${began%.*})) -gt $((limit + 60)) ]; then
          end "$number" KILL timeout
        fi
        continue
        ;;
    esac
    forget "$entry"
    [ "$number" != "$spare_number" ] || spare=none
  done
} 2>/dev/null

# --- files ------------------------------------------------------------------------------------------------------------

# Resolves the path in x within the worktree, symbolic links included: sets `resolved` and `kind` (file, directory,
# other, absent). Otherwise fails with `kind` outside, loop or not-a-directory.
resolve() {
  case $x in /*) at=$x ;; *) at=$worktree/$x ;; esac
  hops=0
  while :; do
    while :; do case $at in ?*/ | ?*/.) at=${at%/*} ;; *) break ;; esac; done
    rest= kind=outside
    case $at in */..) above=$at ;; *) above=${at%/*} rest=/${at##*/} ;; esac
    while ! [ -d "${above:-/}" ]; do
      if [ -e "$above" ] || [ -L "$above" ]; then kind=not-a-directory; return 1; fi
      rest=/${above##*/}$rest above=${above%/*}
    done
    case $rest/ in */../* | */./*) return 1 ;; esac
    CDPATH= cd -P -- "${above:-/}" || return 1
    resolved=${PWD%/}$rest
    cd /
    case $resolved in "$worktree" | "$worktree"/*) ;; *) return 1 ;; esac
    [ -L "$resolved" ] || break
    hops=$((hops + 1))
    if [ "$hops" -gt 40 ]; then kind=loop; return 1; fi
    target=$(readlink "$resolved" && echo .) || return 1
    target=${target%"$nl".}
    case $target in /*) at=$target ;; *) at=${resolved%/*}/$target ;; esac
  done
  if [ -d "$resolved" ]; then kind=directory
  elif [ -f "$resolved" ]; then kind=file
  elif [ -e "$resolved" ]; then kind=other
  else kind=absent; fi
} 2>/dev/null

# Checks every entry of a manifest, or installs it. An entry: write|delete US INDEX US PATH US "."
each_entry() {
  entries=0
  while IFS= read -r entry; do
    case $entry in *"$us.") ;; *) return 1 ;; esac
    entries=$((entries + 1))
    IFS=$us
    set -- "$1" "$2" $entry
    IFS=" 	$nl"
    x=$5
    lines
    "$1" "$2" "$3" "$4" || return 1
  done <"$2/manifest"
}

check_entry() {
  resolve || return 1
  case $kind in directory | other) return 1 ;; esac
  above=${resolved%/*}
  while ! [ -d "$above" ]; do above=${above%/*}; done
  kind=read-only
  [ -w "$above" ]
}

install_entry() {
  if [ "$2" = write ]; then
    # Installed before the crash.
    [ -f "$1/$3" ] || return 0
    resolve && case $kind in file | absent) ;; *) return 1 ;; esac || return 1
    kind=failed
    [ -d "${resolved%/*}" ] || mkdir -p -- "${resolved%/*}" || return 1
    mv -f -- "$1/$3" "$resolved"
  else
    resolve || return 0
    [ "$kind" = file ] || return 0
    kind=failed
    rm -f -- "$resolved"
  fi
} 2>/dev/null

# Removes the directories that a deletion left empty, as git would: other tools would see them.
prune_entry() {
  [ "$2" = delete ] && resolve && [ "$kind" = absent ] || return 0
  above=${resolved%/*}
  while [ "$above" != "$worktree" ]; do
    [ ! -d "$above" ] || rmdir -- "$above" || return 0
    above=${above%/*}
  done
} 2>/dev/null

# install ID OP EPOCH|-: installs what was staged under that epoch; with "-" only what an earlier call had begun to.
install() {
  folder=$run/files/$2
  if [ -e "$folder/done" ]; then say "$1 applied"; return; fi
  stage=
  [ ! -e "$folder/chosen" ] || read -r stage <"$folder/chosen"
  if [ -z "$stage" ]; then
    if [ "$3" = - ]; then say "$1 absent"; return; fi
    if ! each_entry check_entry "$folder/$3"; then say "$1 refused $entries $kind"; return; fi
    stage=$3
    if ! printf '%s\n' "$stage" >"$folder/chosen"; then
      rm -f "$folder/chosen"
      say "$1 full"
      return
    fi
  fi
  if ! each_entry install_entry "$folder/$stage"; then say "$1 refused $entries $kind"; return; fi
  each_entry prune_entry "$folder/$stage"
  if printf '' >"$folder/done"; then say "$1 applied"; else say "$1 full"; fi
} 2>/dev/null

# --- requests ---------------------------------------------------------------------------------------------------------

# The connection that is being made becomes the connection.
hello() {
  if [ "$pending" ]; then
    if [ -p "$run/out.$pending" ]; then
      exec >"$run/out.$pending"
      quiet=0 connected=1
    fi
    say "$1 ok $tools"
    drop_pending
  else
    say "$1 ok $tools"
  fi
  [ "$spare" != none ] || prepare_spare
  keep_room
}

# What a hello that is refused hears, and nobody else: it does not disturb the connection there is.
refuse() {
  if [ "$2" = hello ] && [ "$pending" ]; then
    say "$1 $3" >&5
    drop_pending
  else
    say "$1 $3"
  fi
}

drop_pending() {
  exec 5>&-
  rm -f "$run/out.$pending"
  pending=
}

# Remembers a higher epoch before anything is done in its name. The first one replaces nothing that could be lost.
raise_epoch() {
  if [ -s "$run/epoch" ]; then
    printf '%s\n' "$1" >"$run/epoch.new" && mv -f "$run/epoch.new" "$run/epoch" && epoch=$1
  else
    printf '%s\n' "$1" >"$run/epoch" && epoch=$1
  fi
} 2>/dev/null

request() {
  case $1$2 in '' | *[!0-9]*) return ;; esac
  if [ "$2" -lt "$epoch" ]; then refuse "$1" "$3" "fenced $epoch"; return; fi
  if [ "$2" -gt "$epoch" ] && ! raise_epoch "$2" && ! { make_room && raise_epoch "$2"; }; then refuse "$1" "$3" full; return; fi
  case $3 in
    hello) hello "$1" ;;
    run) start "$1" "$4" "$5" ;;
    attach) attach "$1" "$4" ;;
    kill)
      sent=none
      if claimed "$4"; then end "$number" "$5" "$6"; fi
      say "$1 ok $sent"
      ;;
    resolve)
      x=$4
      lines
      if resolve; then x=$resolved; else x=; fi
      line
      say "$1 $kind $x"
      ;;
    install) install "$1" "$4" "$5" ;;
    *) say "$1 unsupported" ;;
  esac
}

# Begins a connection. It is held open for reading too: until the other side has opened it there is nobody to read.
connect() {
  case $1 in '' | *[!A-Za-z0-9]*) return ;; esac
  [ -z "$pending" ] || drop_pending
  mkfifo -m 600 "$run/out.$1" 2>/dev/null || return
  exec 5<>"$run/out.$1"
  pending=$1
  say "C $1" >&5
}

quiesce() {
  stopping=1
  for entry in $running; do end "${entry##*:}" "$1" cancel; done
  [ "$running" != ' ' ] || exit 0
}

tick() {
  [ -z "$pending" ] || drop_pending
  sweep
  if [ "$connected" ] && say '! tick'; then quiet=0; else quiet=$((quiet + 1)); fi
  if [ "$quiet" -ge 2 ] && [ "$running" = ' ' ]; then exit 0; fi
}

# --- start ------------------------------------------------------------------------------------------------------------

cd / || exit 1
umask 022
for folder in claim pid out exit ended cmd files; do
  [ -d "$run/$folder" ] || mkdir -p "$run/claim" "$run/pid" "$run/out" "$run/exit" "$run/ended" "$run/cmd" "$run/files" || exit 1
done
chmod 700 "$run"
# What is not there needs no process to remove it.
set +f
for left in "$run"/out.*; do
  if [ -e "$left" ] || [ -L "$left" ]; then rm -f "$left"; fi
done
set -f
set --
for fifo in "$run/in.1" "$run/task"; do
  [ -p "$fifo" ] && continue
  if [ -e "$fifo" ] || [ -L "$fifo" ]; then rm -rf "$fifo" || exit 1; fi
  set -- "$@" "$fifo"
done
[ $# = 0 ] || mkfifo -m 600 "$@" || exit 1
boot=
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
boot=${boot%%-*} boot=${boot:--}
start_time $$
[ "$started" != - ] || started=$(date +%s)
incarnation=$boot.$started.$$
epoch=0
if [ -s "$run/epoch" ]; then read -r epoch <"$run/epoch"; fi
tools=,
for tool in rg bash git setsid; do
  if command -v "$tool" >/dev/null 2>&1; then tools=$tools$tool,; fi
done
setsid= shell=sh
case $tools in *,setsid,*) setsid=1 ;; esac
case $tools in *,bash,*) shell=bash ;; esac
count=0 spare=none spare_number= spare_child= stopping= connected= pending= quiet=0 running=' '

set +f
for claim in "$run"/claim/*; do
  if [ -s "$claim" ]; then
    read -r x number <"$claim"
    if ! [ -e "$run/exit/$number" ]; then
      look "$number"
      [ "$state" != running ] || running="$running${claim##*/}:$number "
    fi
  fi
done
set -f

# A handler, and not "ignored", which commands would inherit: a listener that went away must not end the runner.
trap : PIPE HUP INT TERM
exec <>"$run/in.1"
if [ "$tick" -gt 0 ]; then
  (
    trap - PIPE HUP INT TERM
    while sleep "$tick" && kill -0 $$; do
      # The folder was removed: nobody will ever come back to it.
      [ -p "$run/in.1" ] || kill -s KILL $$
      printf 'T\n' 1<>"$run/in.1"
    done
  ) </dev/null >/dev/null 2>&1 &
fi
say ready
exec >/dev/null 2>&1

while IFS= read -r l; do
  case $l in
    *"$us.")
      IFS=$us
      set -- $l
      IFS=" 	$nl"
      request "$@"
      ;;
    'D '*) ended ${l#D } ;;
    'C '*) connect "${l#C }" ;;
    T) tick ;;
    'Q TERM' | 'Q KILL') quiesce "${l#Q }" ;;
  esac
done
