#!/bin/sh
# fuzz.sh TIME: each fuzz target for a time, such as 3s.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bin

git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | while IFS=: read -r file func; do
	target=${func#func }
	echo "fuzz: $(dirname "$file") $target for $1"
	# By default one input can be minimized for the whole time: a worker's run differs each time.
	if go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x "./$(dirname "$file")" >bin/fuzz.log 2>&1; then
		continue
	fi
	# The go command can report the end of its own time as a failure, if a worker is busy
	# then. A failure of the target names its input.
	if grep -qx ' *context deadline exceeded' bin/fuzz.log && ! grep -q 'Failing input' bin/fuzz.log; then
		continue
	fi
	cat bin/fuzz.log
	exit 1
done
