# make help lists the targets, from the text after ## in this file.

FUZZTIME       ?= 3s
MODEL_CHECKS   ?= 5000
SOAK           ?= 30m
FAULTS_AT_ONCE ?= 20
PLUGIN         ?= bin/wordpress
DIST           ?= dist
VERSION        ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Tests end when make is killed, and the processes that they started end with them. Only
# Linux has setpriv.
TIED   := $(if $(shell command -v setpriv),setpriv --pdeathsig KILL)
GOTEST := $(TIED) go run ./scripts/gotest

.PHONY: help test more setup check lint quick php wordpress texts docs plugin kubernetes compose-file compose dist package race fuzz model faults adversary soak bench bench-quick build clean
.NOTPARALLEL:

test: setup check php compose-file quick ## what must hold before a push; at most four minutes on two idle cores (the default)

more: setup lint fuzz race faults adversary wordpress bench-quick kubernetes compose package ## what CI runs besides; as root

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: ## installs what is missing of Debian's packages, and npm's client of ServerPilot
	@scripts/setup.sh

check: ## format, vet, staticcheck, shellcheck, names of tests
	@scripts/check.sh

# A module of its own, so that the program has none of its many dependencies. To build it takes
# two minutes the first time.
lint: ## golangci-lint, as .golangci.yml says
	@$$(go -C scripts/lint tool -n golangci-lint) run ./...

# Most tests wait, so more of them run at once than there are cores. The longest packages come
# first, so that none of them runs alone at the end. check has vetted them.
LONGEST := ./enqueue/php/wordpress/tests ./internal/dashboard ./worker ./cmd/pilotsync
quick: ## the Go tests and the plugin's, without the long ones and the race detector
	@$(GOTEST) quick -short -vet off -count 1 -p 3 -parallel 6 -timeout 20m -tags wordpress $(LONGEST) ./...

race: ## all Go tests with the race detector
	@$(GOTEST) race -race -vet off -count 1 -p 2 -parallel 6 -timeout 30m ./...

php: ## the PHP library's tests
	@phpunit --configuration enqueue/php/phpunit.xml

wordpress: ## the plugin in a real WordPress network
	@$(GOTEST) wordpress -race -count 1 -timeout 20m -tags wordpress ./enqueue/php/wordpress/...

texts: ## the plugin's template of texts and its translations; then translate what is new
	@enqueue/php/wordpress/languages/update.sh

docs: ## the generated parts of docs/configuration.md, cli.md and states.md, and the causes in PHP
	@WRITE_DOCS=1 go test -count 1 ./cmd/pilotsync ./enqueue -run '^TestGenerated(Documents|Causes)AreCurrent$$'

plugin: ## the plugin as a folder and a zip, in PLUGIN (bin/wordpress)
	@deployments/package/plugin.sh '$(PLUGIN)'

kubernetes: ## the manifests against the API's types; the first time it downloads 41 MB
	@$(TIED) scripts/module.sh kubernetes deployments/kubernetes/test 20m

compose-file: ## docker-compose.yml and the image's files against Compose's rules
	@$(TIED) scripts/module.sh compose-file deployments/compose/test 20m

# ENGINE_DATA keeps what the engine has for the next time.
compose: ## docker-compose.yml and the image in a real engine; as root
	@scripts/root.sh compose
	@$(TIED) scripts/module.sh compose deployments/compose/engine 45m

dist: ## what is released, in DIST (dist), as VERSION
	@DIST='$(DIST)' deployments/package/dist.sh

# The Debian is kept among the user's caches; making it takes a minute, and apt's mirror.
package: ## what is released, and the .deb in a Debian of its own under systemd; as root
	@scripts/root.sh package
	@$(TIED) scripts/module.sh package deployments/package 30m

fuzz: ## each fuzz target for FUZZTIME (3s)
	@scripts/fuzz.sh $(FUZZTIME)

model: ## the model test of the sync over MODEL_CHECKS (5000) schedules, in some minutes
	go test -timeout 1h ./worker/listsync/modeltest -rapid.checks=$(MODEL_CHECKS)

# They mostly wait for leases to run out, so many of them wait at once.
faults: ## real processes while Redis, the network, ServerPilot, DNS and clocks break; four minutes
	@$(GOTEST) faults -tags faults -count 1 -parallel $(FAULTS_AT_ONCE) -timeout 30m -skip '^TestSoak$$' ./test/faults

# Control groups bound the memory of its workers, hence root.
adversary: ## real processes under attack by each limited user; two minutes, as root
	@scripts/root.sh adversary
	@$(GOTEST) adversary -tags adversary -count 1 -parallel 6 -timeout 10m ./test/adversary
	@$(GOTEST) adversary-wordpress -tags wordpress -count 1 -timeout 10m -run '^TestPlugin$$/(its_requirements|forged|signed_with|of_the_future)' ./enqueue/php/wordpress/tests

soak: ## all faults at random, in rounds of two minutes, for SOAK (30m)
	SOAK=$(SOAK) $(TIED) go test -tags faults -v -count 1 -timeout 24h -run '^TestSoak$$' ./test/faults

bench: ## measures against other ways, into bench; at most ten minutes, with both cores for itself
	@$(TIED) timeout 600 go run ./bench

bench-quick: ## the same in small, without absolute times; fails if a goal is missed by double
	@$(TIED) timeout 1200 go run ./bench -quick

build: ## bin/pilotsync
	CGO_ENABLED=0 go build -trimpath -ldflags '-X main.release=$(VERSION)' -o bin/pilotsync ./cmd/pilotsync

clean: ## removes bin and dist
	rm -rf bin dist
