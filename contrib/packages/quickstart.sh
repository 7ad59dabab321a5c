#!/bin/sh
# Runs the commands of docs/quickstart.md, as they stand there, in a clean Debian
# that debootstrap makes, and then has TestQuickStart receive, send and read mail
# there. As root, with network for the packages; "make test-quickstart" runs it.
#
#	quickstart.sh VMAPD.deb QUICKSTART.test
#
# The second file is TestQuickStart, compiled. The Debian is a machine of its own
# as far as namespaces make one: its systemd is process 1, its network is nothing
# but a loopback, on which 192.0.2.1 is the host, 192.0.2.10 the world, and
# 192.0.2.25 where mail to the world goes. What the page does not say and is done
# for it: packages are downloaded beforehand, apt and debconf ask nothing, the
# password that vmapd asks for comes from a pipe, and mail to the world goes to one
# address in place of what DNS would tell (relayhost).
#
# QUICKSTART_BASE=FILE.tar keeps the clean Debian in that file for the next time.
set -eu
deb=$(realpath "$1") judge=$(realpath "$2") page=$(realpath "$(dirname "$0")/../../docs/quickstart.md")
work=$(mktemp -d "${TMPDIR:-/tmp}/vmapd-quickstart.XXXXXX")
root=$work/root
machine=
cgroups=/sys/fs/cgroup/unified
[ -d $cgroups ] || cgroups=/sys/fs/cgroup
cgroup=$cgroups/$(basename "$work")
finish() {
	status=$?
	trap - EXIT
	[ $status = 0 ] || [ -z "${init:-}" ] || in_host journalctl --no-pager -n 60 -p info >&2 || true
	stop
	rm -rf --one-file-system "$work"
	[ $status = 0 ] && echo "quick start: all well" || echo "quick start: FAILED" >&2
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
. "$(dirname "$0")/root.sh"

in_host() { nsenter -t "$init" -m -p -n -u -i -C -r -w /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
block() { # block NAME: the commands of the page
	awk -v mark="<!-- test: $1 -->" '$0 == mark {near = 1} near && $0 == "```" {exit} on {print} near && $0 == "```sh" {on = 1}' "$page"
}
follow() { # follow NAME: runs them as root in its home
	say "$1"
	commands=$(block "$1")
	[ -n "$commands" ] || fail "the page has no block $1"
	printf '%s\n' "$commands" | sed 's/^/    /'
	in_host sh -euc "cd; $commands" || fail "$1: a command failed"
}

start() {
	say "the machine starts"
	mkdir "$cgroup"
	sh -c 'echo $$ >"$2/cgroup.procs"; exec unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net sh "$0" "$1"' \
		"$(dirname "$0")/machine.sh" "$root" "$cgroup" >"$work/console" 2>&1 &
	machine=$!
	for _ in $(seq 300); do
		init=$(pgrep -P "$machine" || true)
		[ -n "$init" ] && case $(in_host systemctl is-system-running 2>/dev/null) in running | degraded) break ;; esac
		kill -0 "$machine" 2>/dev/null || { cat "$work/console"; fail "the machine ended"; }
		sleep 0.2
	done
	want "the machine" "$(in_host systemctl is-system-running)" running
}
stop() { # as if the power failed
	[ -z "$machine" ] || { kill -KILL "$machine" && wait "$machine"; } 2>/dev/null || true
	machine='' init=''
	for _ in $(seq 25); do
		[ -d "$cgroup" ] || return 0
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.2
	done
}
mail() { # mail comes in, goes out and is read
	say "mail"
	VMAPD_QUICKSTART_PASSWORD=$password VMAPD_QUICKSTART_RECORD=$work/record.json nsenter -t "$init" -n "$judge" -test.run '^TestQuickStart$' -test.count 1 -test.v ||
		fail "the host does not do what the page promises"
}

if [ -n "${QUICKSTART_BASE:-}" ] && [ -f "$QUICKSTART_BASE" ]; then
	mkdir "$root"
	tar -C "$root" -xf "$QUICKSTART_BASE"
else
	clean_debian systemd-sysv,netbase,iproute2
	[ -z "${QUICKSTART_BASE:-}" ] || tar -C "$root" -cf "$QUICKSTART_BASE" .
fi
cp "$deb" "$root/root/"
echo mail >"$root/etc/hostname"
printf '127.0.0.1 localhost\n192.0.2.1 mail.example.org mail\n' >"$root/etc/hosts"
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90answers"

say "packages are downloaded"
packages=$(block install)
in_root sh -euc "apt-get -qq update && cd /root && apt-get -qq --download-only ${packages#apt }" >"$work/log" 2>&1 || { cat "$work/log"; fail "download"; }
: >"$root/etc/resolv.conf"

start
want "its name" "$(in_host hostname --fqdn)" mail.example.org

password=Quick-Start-1
began=$(date +%s)
follow install
installed=$(date +%s)
printf '%s\n' "$password" | follow accounts
follow setup
follow doctor
in_host postconf -e 'relayhost = [192.0.2.25]:2525'
in_host systemctl reload postfix
in_host vmapd dkim dns example.org --format json >"$work/record.json"

mail
read=$(date +%s)

say "a second setup changes nothing"
in_host sh -c 'cat /etc/vmapd/vmapd.toml /etc/postfix/*.cf /etc/dovecot/*.conf' >"$work/before"
in_host vmapd setup --run >/dev/null
in_host sh -c 'cat /etc/vmapd/vmapd.toml /etc/postfix/*.cf /etc/dovecot/*.conf' >"$work/after"
cmp "$work/before" "$work/after" || { diff "$work/before" "$work/after"; fail "setup --run is not idempotent"; }

stop
start
follow doctor
mail

echo "apt install: $((installed - began)) s; from there to mail that was read: $((read - installed)) s; in all: $(($(date +%s) - began)) s"
