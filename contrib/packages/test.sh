#!/bin/sh
# Tests the Debian packages in a clean Debian that debootstrap makes: install,
# first start, upgrade with a daemon that runs, remove, purge. As root, with
# network; "make test-packages" runs it.
#
#	test.sh OLD.deb NEW.deb
#
# systemd does not run in the root: a stand-in for systemctl does what the
# maintainer scripts ask of it, and notes that. PACKAGE_ROOT keeps the root in
# that folder for the next time; FULL=1 adds lintian.
set -eu
old=$(realpath "$1") new=$(realpath "$2")
root=${PACKAGE_ROOT:-$(mktemp -d "${TMPDIR:-/tmp}/vmapd-root.XXXXXX")}
pid=
finish() {
	status=$?
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ ! -f "$root/run/daemon.pid" ] || kill "$(cat "$root/run/daemon.pid")" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || true
	[ -n "${PACKAGE_ROOT:-}" ] || rm -rf --one-file-system "$root"
	[ $status = 0 ] && echo "packages: all well" || echo "packages: FAILED" >&2
}
trap finish EXIT
trap 'exit 1' INT TERM

. "$(dirname "$0")/root.sh"
as_vmapd() { in_root setpriv --reuid vmapd --regid vmapd --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"; }
owner() { in_root stat -c '%U:%G %a' "$1"; }

if [ ! -e "$root/usr/bin/setpriv" ]; then
	clean_debian systemd-standalone-sysusers
fi
mount -t proc proc "$root/proc"
# What a test before this one left.
rm -rf "$root/usr/bin/systemctl" "$root/run/systemd/system" "$root/run/systemctl.log" "$root/run/daemon.pid"
in_root dpkg --purge vmapd >/dev/null 2>&1 || true
rm -rf "$root/var/lib/vmapd"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"

say "install"
in_root apt-get -qq install -y --no-install-recommends /old.deb >/dev/null 2>"$root/apt.log" || { cat "$root/apt.log"; fail "apt-get install"; }
want "status" "$(in_root dpkg-query -W -f '${db:Status-Status}' vmapd)" installed
want "/var/lib/vmapd" "$(owner /var/lib/vmapd)" "vmapd:vmapd 750"
want "vmapd.toml" "$(owner /etc/vmapd/vmapd.toml)" "root:vmapd 640"
want "shell of the user" "$(in_root getent passwd vmapd | cut -d: -f6,7)" "/var/lib/vmapd:/usr/sbin/nologin"
in_root vmapd config check >/dev/null
for f in /usr/share/man/man8/vmapd.8.gz /usr/share/man/man5/vmapd.toml.5.gz /usr/share/man/man8/vmapd-serve.8.gz /usr/share/bash-completion/completions/vmapd \
	/usr/lib/systemd/system/vmapd.service /usr/lib/systemd/system/vmapd.socket /usr/share/doc/vmapd/copyright /usr/share/doc/vmapd/contrib/systemd/groups.conf; do
	# minbase may leave documentation out by dpkg's path-exclude; ours is listed all the same.
	in_root dpkg -L vmapd | grep -qx "$f" || fail "$f is not in the package"
done

say "a first start, by the user vmapd, without privileges"
in_root vmapd init >/dev/null
want "vmapd.db" "$(owner /var/lib/vmapd/vmapd.db | cut -d' ' -f1)" "vmapd:vmapd"
printf 'domain;example.com;0;0;True\naccount;user@example.com;secret-Pw1;Us;Er;True;SimpleUsers;user@example.com;0\n' >"$root/accounts.csv"
in_root vmapd import csv --crypt-passwords /accounts.csv >/dev/null
mkdir -p "$root/run/vmapd" "$root/run/systemd/system"
in_root chown vmapd:vmapd /run/vmapd
as_vmapd vmapd serve >"$root/daemon.log" 2>&1 &
served() { # served: waits until the daemon answers
	for _ in $(seq 100); do
		in_root vmapd lookup mailboxes user@example.com >/dev/null 2>&1 && return
		sleep 0.2
	done
	cat "$root/daemon.log"
	fail "the daemon does not answer"
}
main_pid() { in_root vmapd status --json | sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' | head -1; }
served
pid=$(main_pid)
[ -n "$pid" ] || fail "vmapd status shows no process"

# systemctl, as far as the maintainer scripts use it.
cat >"$root/usr/bin/systemctl" <<'EOF'
#!/bin/sh
echo "$*" >>/run/systemctl.log
case "$*" in
"--quiet is-active vmapd.service") kill -0 "$(cat /run/daemon.pid)" ;;
"kill --kill-whom=main --signal=USR2 vmapd.service") kill -USR2 "$(cat /run/daemon.pid)" ;;
"--quiet disable --now "*vmapd.service*) kill "$(cat /run/daemon.pid)" 2>/dev/null || true ;;
daemon-reload) ;;
*) exit 1 ;;
esac
EOF
chmod 755 "$root/usr/bin/systemctl"
echo "$pid" >"$root/run/daemon.pid"

say "upgrade: the running daemon hands over, and a changed configuration stays"
printf '\n# mine\n' >>"$root/etc/vmapd/vmapd.toml"
in_root apt-get -qq install -y --no-install-recommends --allow-downgrades /new.deb >/dev/null 2>"$root/apt.log" || { cat "$root/apt.log"; fail "apt-get install of the new version"; }
want "version" "$(in_root dpkg-query -W -f '${Version}' vmapd)" "$(dpkg-deb -f "$new" Version)"
grep -qx '# mine' "$root/etc/vmapd/vmapd.toml" || fail "the configuration was replaced"
grep -q 'signal=USR2' "$root/run/systemctl.log" || fail "the daemon was not told: $(cat "$root/run/systemctl.log")"
for _ in $(seq 100); do
	next=$(main_pid 2>/dev/null || true)
	[ -z "$next" ] || [ "$next" = "$pid" ] || break
	sleep 0.2
done
[ -n "$next" ] && [ "$next" != "$pid" ] || { cat "$root/daemon.log"; fail "no new process took over"; }
pid=$next
echo "$pid" >"$root/run/daemon.pid"
served
want "the program of the new process" "$(readlink "/proc/$pid/exe" | sed 's/.*\(usr.bin.vmapd.*\)/\1/')" "usr/bin/vmapd"

say "remove: the daemon is stopped, data and configuration stay"
in_root apt-get -qq remove -y vmapd >/dev/null 2>"$root/apt.log" || { cat "$root/apt.log"; fail "apt-get remove"; }
for _ in $(seq 100); do
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.2
done
kill -0 "$pid" 2>/dev/null && fail "the daemon still runs"
pid=
[ ! -e "$root/usr/bin/vmapd" ] || fail "the program is still there"
for f in /etc/vmapd/vmapd.toml /var/lib/vmapd/vmapd.db /var/lib/vmapd/snapshot; do
	[ -e "$root$f" ] || fail "remove took $f"
done

say "purge: what is somebody's stays, the rest goes"
mkdir -p "$root/var/lib/vmapd/dkim"
touch "$root/var/lib/vmapd/dkim/example.com.pem"
in_root dpkg --purge vmapd >"$root/apt.log" 2>&1 || { cat "$root/apt.log"; fail "purge"; }
grep -q 'stay in /var/lib/vmapd' "$root/apt.log" || fail "purge does not say what stays"
left=$(cd "$root/var/lib/vmapd" && find . -type f ! -name 'vmapd.db-*' | sort | tr '\n' ' ')
want "left in /var/lib/vmapd" "$left" "./dkim/example.com.pem ./vmapd.db "
[ ! -e "$root/etc/vmapd" ] || fail "purge left /etc/vmapd"
[ ! -e "$root/run/vmapd" ] || fail "purge left /run/vmapd"
rm -rf "$root/var/lib/vmapd"

say "installed once more and purged, nothing is left"
in_root apt-get -qq install -y --no-install-recommends /new.deb >/dev/null 2>&1 || fail "apt-get install after purge"
in_root dpkg --purge vmapd >/dev/null 2>&1
[ ! -e "$root/var/lib/vmapd" ] || fail "purge left an empty /var/lib/vmapd"

if [ -n "${FULL:-}" ]; then
	say "lintian"
	lintian --fail-on error,warning "$new"

	say "the unit"
	dpkg-deb -x "$new" "$root/unit"
	systemd-analyze security --offline=true --threshold=20 "$root/unit/usr/lib/systemd/system/vmapd.service" | tail -1
	systemd-analyze verify --root="$root/unit" vmapd.service 2>&1 | grep -i 'unknown\|ignoring\|parse' && fail "systemd does not understand the unit"
	rm -rf "$root/unit"

	rpm=${new%.deb}.rpm
	if [ -f "$rpm" ]; then
		say "rpm: installed and removed, scripts aside, by rpm itself"
		mkdir "$root/rpm"
		rpm --root "$root/rpm" --dbpath /db --nodeps --noscripts --ignoreos -i "$rpm" 2>/dev/null
		want "version by rpm" "$(rpm --root "$root/rpm" --dbpath /db -q --qf '%{VERSION}' vmapd)" "$(rpm -qp --qf '%{VERSION}' "$rpm")"
		"$root/rpm/usr/bin/vmapd" config check -c "$root/rpm/etc/vmapd/vmapd.toml" >/dev/null
		rpm --root "$root/rpm" --dbpath /db --nodeps --noscripts -e vmapd 2>/dev/null
		[ ! -e "$root/rpm/usr/bin/vmapd" ] || fail "rpm left the program"
		rpm -qp --scripts "$rpm" | sed '/^[a-z]* scriptlet/d' | sh -n
		rm -rf "$root/rpm"
	fi
fi
rm -f "$root/usr/bin/systemctl" "$root/run/daemon.pid" "$root/old.deb" "$root/new.deb"
