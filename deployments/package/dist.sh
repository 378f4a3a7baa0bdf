#!/bin/sh
# Builds what is released into DIST: for each target a .tar.gz, for Linux a .deb, too,
# and their checksums. The same source and VERSION give the same bytes, wherever the
# source is. It takes Go and GNU's tar, and git unless VERSION and SOURCE_DATE_EPOCH are set.
# `dist.sh debian-version` only says which version the .deb would have.
#
#   VERSION            v1.2.3, or what `git describe` says of another commit, which is the default
#   DIST               the folder that it all goes to (dist)
#   TARGETS            the systems: linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
#   MAINTAINER         who stands for the .deb: Name <address>
#   SOURCE_DATE_EPOCH  the time that all files bear, in seconds since 1970: the commit's
set -eu
umask 022
cd "$(dirname "$0")/../.."

GO=${GO:-go}
DIST=${DIST:-dist}
TARGETS=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}
VERSION=${VERSION:-$(git describe --tags --always --dirty)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
MAINTAINER=${MAINTAINER:-The pilotsync authors <pilotsync@localhost>}
export SOURCE_DATE_EPOCH MAINTAINER

# debian_version makes of git's words a version that dpkg sorts as it should:
# v1.2.3-rc1 comes before v1.2.3, and v1.2.3-5-gabc1234, five commits on, after it.
debian_version() {
	given=${1%-dirty}
	dirty=${1#"$given"}
	{
		printf '%s\n' "$given" | sed -nE 's/^v?([0-9]+\.[0-9]+\.[0-9]+)(-([0-9A-Za-z.]+))?(-([0-9]+)-(g[0-9a-f]+))?$/\1~\3+\5.\6/p'
		printf '%s\n' "$given" | sed -nE "s/^([0-9a-f]{7,40})\$/0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d).\\1/p"
	} | sed -E "s/\\+\\.\$//; s/~(\\+|\$)/\\1/; s/\$/$(printf %s "$dirty" | tr - +)/"
}

DEB_VERSION=$(debian_version "$VERSION")
if [ -z "$DEB_VERSION" ]; then
	echo "dist: VERSION is '$VERSION'; it takes v1.2.3, v1.2.3-rc1, or what git describe --tags --always --dirty says" >&2
	exit 2
fi
export DEB_VERSION
if [ "${1:-}" = debian-version ]; then
	echo "$DEB_VERSION"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$DIST"
rm -f "$DIST"/pilotsync_*.tar.gz "$DIST"/pilotsync_*.deb "$DIST/SHA256SUMS"

build() { # OS ARCHITECTURE FILE
	# Without the state of a repository, which a release's source doesn't have.
	GOOS=$1 GOARCH=$2 CGO_ENABLED=0 $GO build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" -o "$3" ./cmd/pilotsync
}

# The program writes its own path into its completions; where it's installed it is on PATH.
# zsh's own way is a function in a file, which asks as the code for ~/.zshrc would.
completions() { # PROGRAM FOLDER
	mkdir -p "$2"
	"$1" completion bash --code | sed "s,$1,pilotsync,g" >"$2/pilotsync.bash"
	"$1" completion fish --code | sed "s,$1,pilotsync,g" >"$2/pilotsync.fish"
	{
		echo '#compdef pilotsync'
		"$1" completion zsh --code | sed "s,$1,pilotsync,g; s/^complete \\(.*\\) pilotsync\$/_bash_complete \\1/"
	} >"$2/_pilotsync"
}

build "$($GO env GOHOSTOS)" "$($GO env GOHOSTARCH)" "$work/here"
completions "$work/here" "$work/completions"
gzip -9nc CHANGELOG.md >"$work/CHANGELOG.md.gz"
# Debian's own form, which tells what the other file has.
cat <<END | gzip -9n >"$work/changelog.gz"
pilotsync ($DEB_VERSION) unstable; urgency=medium

  * What is new is in CHANGELOG.md.gz.

 -- $MAINTAINER  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

for target in $TARGETS; do
	os=${target%/*} arch=${target#*/}
	name=pilotsync_${VERSION#v}_${os}_$arch
	echo "dist: $name"
	STAGE=$work/$name
	mkdir "$STAGE"
	build "$os" "$arch" "$STAGE/pilotsync"
	cp -r "$work/completions" LICENSE README.md CHANGELOG.md "$STAGE"
	tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -9n >"$DIST/$name.tar.gz"
	if [ "$os" = linux ]; then
		cp "$work/CHANGELOG.md.gz" "$work/changelog.gz" "$STAGE"
		STAGE=$STAGE ARCH=$arch $GO -C deployments/package tool -n nfpm >"$work/nfpm"
		STAGE=$STAGE ARCH=$arch "$(cat "$work/nfpm")" package -f deployments/package/nfpm.yaml -p deb -t "$DIST/pilotsync_${VERSION#v}_$arch.deb" >"$work/said" || { cat "$work/said" >&2; exit 1; }
	fi
done

(cd "$DIST" && find . -name 'pilotsync_*' | LC_ALL=C sort | sed 's,^\./,,' | xargs sha256sum >SHA256SUMS)
