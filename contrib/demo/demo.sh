#!/bin/sh
# Shows vmapd at work: makes an embedded database with a sample data set, starts
# the daemon, asks it over its real sockets, and leaves it running until Ctrl-C.
# DEMO_ONCE=1 stops after the answers. Needs the program alone.
set -eu
vmapd=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
data=$(cd "$(dirname "$0")/../.." && pwd)/store/modoboa/demo.csv
dir=$(mktemp -d "${TMPDIR:-/tmp}/vmapd-demo.XXXXXX")
daemon=
finish() {
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon"; } || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 0' INT TERM

cat >"$dir/vmapd.toml" <<EOF
state_dir = "$dir/state"

[[listen]]
protocol = "socketmap"
address = "unix:$dir/socketmap"

[[listen]]
protocol = "tcp_table"
address = "inet:127.0.0.1:0"
table = "aliases"

[[listen]]
protocol = "http"
address = "inet:127.0.0.1:0"
EOF

bold='' plain=''
[ ! -t 1 ] || bold=$(printf '\033[1m') plain=$(printf '\033[0m')
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
run() { # run ARGUMENT...: shows the command, and the exit status if it is not 0
	printf '$ vmapd %s\n' "$*"
	"$vmapd" "$@" -c "$dir/vmapd.toml" || printf '  (exit status %d)\n' $?
}
refused() { echo "demo: $*" >&2; exit 1; }
expect() { # expect ANSWER TABLE KEY: the demonstration checks what it shows
	got=$("$vmapd" lookup "$2" "$3" -c "$dir/vmapd.toml" | cut -f2) || true
	[ "$got" = "$1" ] || refused "$2 $3 answered '$got', not '$1'"
	printf '%-30s %-28s %s\n' "$2" "$3" "${got:-not found}"
}

say "1. An empty database gets its tables and a super administrator"
run init
say "2. Accounts come from a CSV file in Modoboa's format"
run import csv "$data"
say "3. The daemon serves them from memory"
"$vmapd" serve -c "$dir/vmapd.toml" 2>"$dir/log" &
daemon=$!
i=0
until "$vmapd" status -c "$dir/vmapd.toml" >/dev/null 2>&1; do
	kill -0 "$daemon" 2>/dev/null || { cat "$dir/log" >&2; refused "the daemon ended"; }
	i=$((i + 1))
	[ $i -lt 150 ] || { cat "$dir/log" >&2; refused "the daemon is not ready"; }
	sleep 0.1
done
run status

say "4. What Postfix asks, asked over the same socket"
printf '%-30s %-28s %s\n' TABLE KEY ANSWER
expect example.test domains example.test
expect example.test domain-aliases example-alias.test
expect alice@example.test mailboxes Alice+news@Example.test
expect alice@example.test,bob@example.test,someone@elsewhere.example aliases info@example.test
expect bob+lists@example.test aliases lists@example.test
expect carol@shop.example aliases anybody@shop.example
expect @example.test aliases alice@example-alias.test
expect relay.example relay-domains relay.example
expect 'relay:[192.0.2.25]:25' transport somebody@relay.example
expect lmtp:unix:private/dovecot-lmtp transport erin@relay.example
expect reject_unverified_recipient relay-recipient-verification somebody@relay.example
expect alice@example.test,bob@example.test sender-login info@example.test
expect '' aliases nobody@example.test

say "5. Every answer can be explained"
run explain sales+today@example.test
run explain --login dave@shop.example

say "6. The lines for Postfix's main.cf"
run postconf

if [ "${DEMO_ONCE:-}" = 1 ]; then
	say "Done."
	exit 0
fi
say "The daemon is running; Ctrl-C ends it and removes $dir. In another terminal:"
echo "  $vmapd lookup aliases info@example.test -c $dir/vmapd.toml"
echo "  $vmapd explain anybody@shop.example -c $dir/vmapd.toml"
page=$("$vmapd" status -c "$dir/vmapd.toml" | sed -n 's|^listener *http inet:\([^,]*\),.*|http://\1/|p')
echo "The web page is at $page: sign in as admin, with the password from the beginning."
wait "$daemon"
