# Shell functions that test.sh and quickstart.sh share; $root is the folder of the
# clean Debian.

say() { printf '== %s\n' "$*"; }
fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
want() { # want WHAT GOT EXPECTED
	[ "$2" = "$3" ] || fail "$1: $2, want $3"
}

clean_debian() { # clean_debian PACKAGES: makes $root, with packages besides the smallest set
	say "a clean Debian in $root"
	mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \([^ [][^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1)
	debootstrap --variant=minbase --include="$1" bookworm "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || { tail "$root.log"; fail "debootstrap"; }
	rm -f "$root.log"
	chmod 755 "$root" # mktemp closes it to users other than root
}
