#!/bin/sh
# Builds a release into DIST: a .tar.gz for each target, a .deb for Linux, and their checksums.
# The same source and VERSION give the same bytes, wherever the source is. It takes Go and GNU's
# tar, and git unless VERSION and SOURCE_DATE_EPOCH are set. `dist.sh debian-version` only prints
# the version of the .deb.
#
#   VERSION            v1.2.3, or what `git describe` says of another commit, which is the default
#   DIST               the folder that it all goes to (dist)
#   TARGETS            the systems: linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
#   MAINTAINER         the .deb's maintainer: Name <address>
#   SOURCE_DATE_EPOCH  the time of all files, in seconds since 1970; default: the commit's
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

# debian_version turns git's version into one that dpkg sorts correctly: v1.2.3-rc1 comes before
# v1.2.3, and v1.2.3-5-gabc1234, five commits on, after it.
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
began=$(date +%s) steps=$(($(echo "$TARGETS" | wc -w) + 3)) n=0
step() { # WHAT
	n=$((n + 1))
	echo "dist: $n of $steps, after $(($(date +%s) - began)) s: $1"
}
rm -f "$DIST"/pilotsync_*.tar.gz "$DIST"/pilotsync_*.deb "$DIST/SHA256SUMS"

build() { # OS ARCHITECTURE FILE
	# Without the repository's state, which a release's source doesn't have.
	GOOS=$1 GOARCH=$2 CGO_ENABLED=0 $GO build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" -o "$3" ./cmd/pilotsync
}

# The program writes its own path into its completions; where it's installed it is on PATH.
# zsh needs a function in a file, with the same request as the code for ~/.zshrc.
completions() { # PROGRAM FOLDER
	mkdir -p "$2"
	"$1" completion bash --code | sed "s,$1,pilotsync,g" >"$2/pilotsync.bash"
	"$1" completion fish --code | sed "s,$1,pilotsync,g" >"$2/pilotsync.fish"
	{
		echo '#compdef pilotsync'
		"$1" completion zsh --code | sed "s,$1,pilotsync,g; s/^complete \\(.*\\) pilotsync\$/_bash_complete \\1/"
	} >"$2/_pilotsync"
}

# What every archive and package has besides the program: the documents, and what they
# link to, where they link to it.
tree() { # FOLDER
	mkdir -p "$1/enqueue/php/wordpress" "$1/bench"
	cp LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docker-compose.yml "$1"
	cp -r docs "$1"
	cp -r bench/*.md bench/plots "$1/bench"
	cp enqueue/example_test.go "$1/enqueue"
	mkdir "$1/enqueue/functions"
	cp enqueue/functions/seq.lua enqueue/functions/changes.lua "$1/enqueue/functions"
	cp -r enqueue/php/src enqueue/php/data enqueue/php/autoload.php enqueue/php/composer.json "$1/enqueue/php"
	cp enqueue/php/wordpress/README.md "$1/enqueue/php/wordpress"
	cp -r deployments "$1"
	rm -rf "$1"/deployments/package "$1"/deployments/*_test.go "$1"/deployments/*/*_test.go "$1"/deployments/*/test "$1"/deployments/compose/engine "$1"/deployments/*/testdata "$1"/deployments/prometheus/*_test.yml
	deployments/package/plugin.sh "$1/deployments/wordpress" && rm -r "$1/deployments/wordpress/pilotsync"
	chmod -R u=rwX,go=rX "$1"
}

# In the .deb, files to use are in /usr/share/pilotsync. The documents' folder has links to those
# that documents link to.
debian() { # TREE FOLDER
	mkdir -p "$2/share/php" "$2/share/redis"
	cp -r "$1" "$2/doc"
	cd "$2/doc"
	ln -sf copyright LICENSE
	mv deployments/wordpress/pilotsync.zip deployments/prometheus deployments/grafana ../share
	rmdir deployments/wordpress
	mv enqueue/php/src enqueue/php/data enqueue/php/autoload.php enqueue/php/composer.json ../share/php
	mv deployments/redis/*.conf deployments/redis/*.acl ../share/redis
	mv deployments/systemd/accounts.yml ../share
	ln -s ../../../pilotsync/prometheus ../../../pilotsync/grafana deployments
	ln -s ../../../../pilotsync/accounts.yml deployments/systemd
	for file in ../share/redis/*; do ln -s "../../../../pilotsync/redis/${file##*/}" deployments/redis; done
	rm deployments/systemd/*.service deployments/systemd/*.env # where systemd and the settings are
	cd - >/dev/null
}

step "documents and plugin"
tree "$work/tree"
debian "$work/tree" "$work/debian"
step "program for this machine, its completions and manual pages"
build "$($GO env GOHOSTOS)" "$($GO env GOHOSTARCH)" "$work/here"
completions "$work/here" "$work/completions"
mkdir "$work/man"
"$work/here" man --date="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)" "$work/man"
# Debian's own format, which refers to the other file.
cat <<END | gzip -9n >"$work/changelog.gz"
pilotsync ($DEB_VERSION) unstable; urgency=medium

  * What is new is in CHANGELOG.md.

 -- $MAINTAINER  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

mkdir "$work/man-gz"
for page in "$work"/man/*; do gzip -9nc "$page" >"$work/man-gz/${page##*/}.gz"; done

case " $TARGETS" in *" linux/"*)
	step "packager"
	$GO -C deployments/package tool -n nfpm >"$work/nfpm" ;;
*) steps=$((steps - 1)) ;;
esac

for target in $TARGETS; do
	os=${target%/*} arch=${target#*/}
	name=pilotsync_${VERSION#v}_${os}_$arch
	step "$name"
	STAGE=$work/$name
	cp -r "$work/tree" "$STAGE"
	build "$os" "$arch" "$STAGE/pilotsync"
	cp -r "$work/completions" "$work/man" "$STAGE"
	tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -9n >"$DIST/$name.tar.gz"
	if [ "$os" = linux ]; then
		WORK=$work STAGE=$STAGE ARCH=$arch "$(cat "$work/nfpm")" package -f deployments/package/nfpm.yaml -p deb -t "$DIST/pilotsync_${VERSION#v}_$arch.deb" >"$work/output" || { cat "$work/output" >&2; exit 1; }
	fi
done

(cd "$DIST" && find . -name 'pilotsync_*' | LC_ALL=C sort | sed 's,^\./,,' | xargs sha256sum >SHA256SUMS)
echo "dist: done after $(($(date +%s) - began)) s; see $DIST/SHA256SUMS"
