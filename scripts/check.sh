#!/bin/sh
# check.sh holds the source to its form: gofmt, go vet, staticcheck, shellcheck, php -l,
# and the length of tests' names.
set -eu
cd "$(dirname "$0")/.."
echo "check: gofmt, go vet, staticcheck, shellcheck, php -l, names of tests"

unformatted=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:"
	echo "$unformatted"
	exit 1
fi
go vet -tags adversary,faults,wordpress ./...
go tool staticcheck -tags adversary,faults,wordpress ./...
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
git ls-files -z '*.php' | xargs -0 -n 1 -P 2 php -d display_errors=stderr -l >/dev/null

# A name says what must hold; the cases of a table are subtests.
if git grep -nE '^func (Test|Fuzz|Benchmark)[A-Za-z0-9_]{61,}' -- '*_test.go'; then
	echo "the names of these tests are longer than 60 letters"
	exit 1
fi
