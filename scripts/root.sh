#!/bin/sh
# root.sh TARGET: says why make TARGET takes root, and fails without it.
[ "$(id -u)" = 0 ] || {
	echo "$1: it takes root, to run containers, a Debian of its own or control groups: sudo make $1" >&2
	exit 1
}
