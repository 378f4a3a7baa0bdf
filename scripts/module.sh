#!/bin/sh
# module.sh NAME FOLDER TIMEOUT: the checks and tests of a module in a folder. Such a module
# keeps the program free of dependencies that only these tests have.
set -eu
cd "$(dirname "$0")/.."

staticcheck=$(go tool -n staticcheck)
(cd "$2" && go vet ./... && "$staticcheck" ./...)
exec go run ./scripts/gotest "$1" -C "$2" -count 1 -timeout "$3" ./...
