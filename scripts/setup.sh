#!/bin/sh
# setup.sh installs what the tests need and this machine lacks, from Debian's packages and npm,
# and names it. Without apt-get, tests that need it skip, and make test fails because of it.
set -eu
cd "$(dirname "$0")/.."

missing=
need() { # PACKAGE CHECK...: the package is missing if the check fails
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1"; }
has_module() { php -m | grep -qix "$1"; }

need redis-server has redis-server
need php-cli has php
need phpunit has phpunit
need php-redis has_module redis
need php-intl has_module intl
need php-mysql has_module mysqli
need mariadb-server-core has mariadbd
need mariadb-server-core has mariadb-install-db
need wordpress test -e /usr/share/wordpress/wp-load.php
need chromium has chromium
need prometheus has prometheus
need prometheus has promtool
need systemd has systemd-analyze
need debootstrap has debootstrap
need iproute2 has ip
need mandoc has mandoc
need gettext has msgfmt
need gettext has xgettext
need zip has zip
need docker.io has dockerd
need busybox-static has busybox
need shellcheck has shellcheck
need nodejs has node
need npm has npm

if [ -n "$missing" ]; then
	echo "setup: installs what is missing:$missing"
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	# shellcheck disable=SC2086 # several packages
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# package-lock.json has the versions and checksums.
install() { # FOLDER WHAT: what a folder's package.json names
	installed=$1/node_modules/installed-lock.json
	if ! cmp -s "$1/package-lock.json" "$installed"; then
		echo "setup: installs $2 in $1"
		npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel error
		cp "$1/package-lock.json" "$installed"
	fi
}
install test/npmclient "npm's client of ServerPilot"
install test/browsertest axe-core
