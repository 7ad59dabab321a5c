#!/bin/sh
# Builds dist/vmapd_VERSION_ARCH.deb and .rpm from this source tree: the program,
# its manual, completions, units and documentation. "make packages" runs it.
#
#	build.sh [ARCH...]          amd64 and arm64 if none is named
#
# The environment may set VERSION (else the last tag, or 0.0.0 with the commit,
# tells it), SOURCE_DATE_EPOCH (else the date of the commit), DIST (else dist), GO
# and NFPM. The same sources, Go and version give the same bytes, in a clone as in
# an unpacked archive.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
NFPM=${NFPM:-$GO run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2}
[ $# -gt 0 ] || set -- amd64 arm64

# A tag v1.2.3 gives 1.2.3; what comes after it gives 1.2.3+4.gabcdef.
described() {
	tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null) || tag=v0.0.0-0-g$(git rev-parse --short=12 HEAD 2>/dev/null || echo none)
	echo "${tag#v}" | sed 's/-\([0-9]*\)-\(g[0-9a-z]*\)$/+\1.\2/; s/-/~/g'
}
VERSION=${VERSION:-$(described)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export VERSION SOURCE_DATE_EPOCH CGO_ENABLED=0 GOOS=linux LC_ALL=C TZ=UTC
umask 022
# The program calls itself as the package does.
program() { $GO build -trimpath -buildvcs=false -ldflags="-s -w -X github.com/vmapd/vmapd/daemon.version=$VERSION" -o "$1" ./cmd/vmapd; }

DIST=${DIST:-dist}
stage=dist/stage # nfpm.yaml names it
mkdir -p "$DIST"
rm -rf $stage
mkdir -p $stage/man $stage/completions $stage/doc

# What every architecture shares is written by the program of this machine.
GOARCH=$($GO env GOHOSTARCH) program $stage/vmapd-here
$stage/vmapd-here config default >$stage/vmapd.toml
$stage/vmapd-here manual --output $stage/man
for shell in bash zsh fish; do $stage/vmapd-here completion $shell >$stage/completions/$shell; done
gzip -9n $stage/man/man*/*

# Modes and times are those of the packages, not of this tree.
mkdir $stage/share
cp -R README.md docs contrib $stage/share/
find $stage/share -type f -exec chmod 644 {} +
find $stage/share -type d -exec chmod 755 {} +

cp contrib/packages/copyright $stage/doc/copyright
# The licences of the modules that are linked in ask to go with the program.
$GO version -m $stage/vmapd-here | awk '$1 == "dep" {print $2}' | sort | while read -r module; do
	dir=$($GO list -m -f '{{.Dir}}' "$module")
	for text in "$dir"/LICENSE* "$dir"/LICENCE* "$dir"/COPYING* "$dir"/NOTICE*; do
		[ ! -f "$text" ] || { printf '\n==== %s: %s\n\n' "$module" "$(basename "$text")"; cat "$text"; }
	done
done >$stage/doc/licenses.txt
cat >$stage/doc/changelog <<EOF
vmapd ($VERSION-1) unstable; urgency=medium

  * Built from the sources of version $VERSION.

 -- vmapd maintainers <$(sed -n 's/^maintainer: .*<\(.*\)>$/\1/p' contrib/packages/nfpm.yaml)>  $(date -R -d "@$SOURCE_DATE_EPOCH")
EOF
gzip -9n $stage/doc/licenses.txt $stage/doc/changelog

for ARCH; do
	export ARCH
	GOARCH=$ARCH program $stage/vmapd
	find $stage -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	$NFPM package --config contrib/packages/nfpm.yaml --packager deb --target "$DIST/vmapd_${VERSION}_$ARCH.deb"
	$NFPM package --config contrib/packages/nfpm.yaml --packager rpm --target "$DIST/vmapd_${VERSION}_$ARCH.rpm"
done
rm -rf $stage
