# make          the same as make test
# make test     what must hold before a change lands; under ten minutes on two cores
# make more     what CI runs besides: fuzz, kubernetes, compose, package; as root
# make check    format, vet and staticcheck only
# make php      the PHP library's tests alone
# make wordpress the WordPress plugin's test alone
# make texts    the plugin's template of texts, and the translations in step with it; then translate what is new
# make docs     the generated parts of docs/configuration.md and docs/cli.md, from the program's definitions
# make plugin   the plugin with the library, as a folder and a zip, in PLUGIN (bin/wordpress)
# make kubernetes the Kubernetes manifests against the API's types; it downloads 41 MB and compiles for minutes at first
# make compose-file docker-compose.yml and the image's files: held to Compose's rules
# make compose  docker-compose.yml and the image in a real engine, by the README's commands; as root
# make dist     what is released, in DIST (dist): archives for Linux and macOS, .debs, checksums; VERSION is git's unless it's given
# make package  dist's tests, and the .deb in a Debian of its own under systemd; as root
# make race     the Go tests alone, with the race detector
# make fuzz     each fuzz target for FUZZTIME
# make model    the model test of the sync over MODEL_CHECKS schedules; 5,000 take about two minutes
# make faults   real processes while Redis, the network, ServerPilot, DNS and clocks break; some four minutes
# make soak     all faults at once and at random, in rounds of two minutes, for SOAK
# make bench    measures against the other ways, and writes bench/BENCHMARKS.md and bench/plots; at most ten minutes
# make bench-quick  the same in small, under a minute, a part of the tests; no absolute times; fails if a goal is missed by more than the double
# make build    bin/pilotsync

GO           ?= go
FUZZTIME     ?= 3s
MODEL_CHECKS ?= 5000
SOAK         ?= 30m
FAULTS_AT_ONCE ?= 20
LOG          := bin/test.log
# The go command ends with its recipe, and the tests end with it: a run that is killed
# leaves no process behind. Only Linux has setpriv.
TIED         := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM)
PLUGIN       ?= bin/wordpress
DIST         ?= dist
VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: test more setup check php wordpress texts docs plugin kubernetes compose-file compose dist package race fuzz model faults soak bench bench-quick build clean
.NOTPARALLEL:

# The Go tests come last: the summary of what passed is what a reader looks for.
test: setup check php wordpress compose-file bench-quick race

# What CI runs besides: on a machine that never did they compile, and make a Debian, for minutes.
more: setup fuzz kubernetes compose package

# Only what is missing is installed, and said so. Without apt-get the tests that
# need the real Redis server or PHP skip, and 'make test' fails because of it.
setup:
	@missing=; \
	  command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	  command -v php >/dev/null || missing="$$missing php-cli"; \
	  command -v phpunit >/dev/null || missing="$$missing phpunit"; \
	  php -m 2>/dev/null | grep -qix redis || missing="$$missing php-redis"; \
	  php -m 2>/dev/null | grep -qix intl || missing="$$missing php-intl"; \
	  php -m 2>/dev/null | grep -qix mysqli || missing="$$missing php-mysql"; \
	  command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null || missing="$$missing mariadb-server-core"; \
	  [ -e /usr/share/wordpress/wp-load.php ] || missing="$$missing wordpress"; \
	  command -v chromium >/dev/null || missing="$$missing chromium"; \
	  command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="$$missing prometheus"; \
	  command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	  command -v debootstrap >/dev/null || missing="$$missing debootstrap"; \
	  command -v ip >/dev/null || missing="$$missing iproute2"; \
	  command -v mandoc >/dev/null || missing="$$missing mandoc"; \
	  command -v msgfmt >/dev/null && command -v xgettext >/dev/null || missing="$$missing gettext"; \
	  command -v zip >/dev/null || missing="$$missing zip"; \
	  command -v dockerd >/dev/null || missing="$$missing docker.io"; \
	  command -v busybox >/dev/null || missing="$$missing busybox-static"; \
	  if [ -n "$$missing" ]; then \
	    echo "setup: missing, so installing Debian's:$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  fi

check:
	@echo "check: gofmt, go vet, staticcheck"
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@$(GO) tool staticcheck ./...

# No test may skip here, and none may print or do nothing.
php:
	@echo "php: php -l, phpunit"
	@for file in $$(git ls-files 'enqueue/php/*.php'); do php -l $$file >/dev/null || exit 1; done
	@phpunit --configuration enqueue/php/phpunit.xml

# A real WordPress network with its database and web server, in a folder of its
# own. Not among the other Go tests, which need Go and Redis only.
wordpress:
	@mkdir -p bin
	@echo "wordpress: the plugin in a real network (everything is in bin/wordpress.log)"
	@find enqueue/php/wordpress -name '*.php' -print0 | xargs -0 -n 1 php -l >bin/wordpress.log || { cat bin/wordpress.log; exit 1; }
	@$(GO) vet -tags wordpress ./enqueue/php/wordpress/... && $(GO) tool staticcheck -tags wordpress ./enqueue/php/wordpress/...
	@status=0; $(GO) test -race -tags wordpress -v -count 1 -timeout 20m ./enqueue/php/wordpress/... >bin/wordpress.log 2>&1 || status=$$?; \
	  if grep -q '^ *--- SKIP' bin/wordpress.log; then status=1; fi; \
	  grep -E '^ *--- |^(ok|FAIL|panic:)' bin/wordpress.log; \
	  if [ $$status != 0 ]; then tail -100 bin/wordpress.log; fi; exit $$status

texts:
	@enqueue/php/wordpress/languages/update.sh

docs:
	@WRITE_DOCS=1 $(GO) test -count 1 ./cmd/pilotsync -run '^TestGeneratedDocumentsAreCurrent$$'

plugin:
	@deployments/package/plugin.sh '$(PLUGIN)'

# The tests of a module in a folder, within a time. None may skip here, either.
define module
	@mkdir -p bin
	@staticcheck=$$($(GO) tool -n staticcheck) && cd $(1) && $(GO) vet ./... && $$staticcheck ./...
	@status=0; (cd $(1) && $(GO) test -v -count 1 -timeout $(2) ./...) >bin/$@.log 2>&1 || status=$$?; \
	  if grep -q '^ *--- SKIP' bin/$@.log; then echo "skipped, and here nothing may be:"; grep -A 2 '^ *--- SKIP' bin/$@.log; status=1; fi; \
	  grep -E '^ *--- |^(ok|FAIL|panic:)' bin/$@.log; \
	  if [ $$status != 0 ]; then tail -100 bin/$@.log; fi; exit $$status
endef

# A module of its own, so that the program doesn't depend on Kubernetes' types.
kubernetes:
	@echo "kubernetes: the manifests against the API's types (everything is in bin/kubernetes.log)"
	$(call module,deployments/kubernetes/test,20m)

# A module of its own, so that the program doesn't depend on Compose's types and BuildKit's.
compose-file:
	@echo "compose-file: docker-compose.yml and the image (everything is in bin/compose-file.log)"
	$(call module,deployments/compose/test,20m)

# A module of its own, so that the program doesn't depend on Docker Compose, which is built
# from its module: for minutes at first. ENGINE_DATA keeps what the engine has for the next time.
compose:
	@echo "compose: docker-compose.yml and the image in a real engine (everything is in bin/compose.log)"
	@[ "$$(id -u)" = 0 ] || { echo "compose: it takes root, to run an engine: sudo make compose"; exit 1; }
	$(call module,deployments/compose/engine,45m)

dist:
	@DIST='$(DIST)' deployments/package/dist.sh

# A module of its own, so that the program doesn't depend on the packager. The Debian
# is kept among the user's caches; making it takes a minute, and apt's mirror.
package:
	@echo "package: what is released, and the .deb in a Debian of its own (everything is in bin/package.log)"
	@[ "$$(id -u)" = 0 ] || { echo "package: it takes root, to make a Debian and boot it: sudo make package"; exit 1; }
	$(call module,deployments/package,30m)

# The tests mostly wait, so more of them run at once than there are cores, of two packages
# at once: more would be in the way of those which measure time.
race:
	@mkdir -p bin
	@echo "race: go test -race ./... (everything is in $(LOG))"
	@status=0; $(GO) test -race -v -p 2 -parallel 6 -timeout 30m ./... >$(LOG) 2>&1 || status=$$?; \
	  grep -E '^(ok|FAIL|panic:|WARNING: DATA RACE|\?)' $(LOG); \
	  passed=$$(grep -c '^ *--- PASS' $(LOG)); failed=$$(grep -c '^ *--- FAIL' $(LOG)); skipped=$$(grep -c '^ *--- SKIP' $(LOG)); \
	  if [ $$status != 0 ]; then echo; grep -B 40 -E '^ *--- FAIL|^panic:|DATA RACE' $(LOG) | grep -v 'level=\(info\|debug\)' | tail -200; fi; \
	  if [ $$skipped != 0 ]; then echo "skipped, and here nothing may be:"; grep -A 2 '^ *--- SKIP' $(LOG); status=1; fi; \
	  echo; echo "$$passed passed, $$failed failed, $$skipped skipped"; exit $$status

fuzz:
	@mkdir -p bin
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "fuzz: $$package $$target for $(FUZZTIME)"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package >bin/fuzz.log 2>&1 || { cat bin/fuzz.log; exit 1; }; \
	  done; \
	done

model:
	$(GO) test -timeout 1h ./worker/listsync/modeltest -rapid.checks=$(MODEL_CHECKS)

# They mostly wait for leases to run out, so many of them wait at once. They need
# the real Redis server, so none may skip.
faults:
	@mkdir -p bin
	@echo "faults: go test -tags faults ./test/faults (everything is in bin/faults.log)"
	@command -v redis-server >/dev/null || { echo "there is no redis-server: make setup installs it"; exit 1; }
	@$(GO) vet -tags faults ./test/faults && $(GO) tool staticcheck -tags faults ./test/faults
	@status=0; $(TIED) $(GO) test -tags faults -v -count 1 -parallel $(FAULTS_AT_ONCE) -timeout 30m -skip '^TestSoak$$' ./test/faults >bin/faults.log 2>&1 || status=$$?; \
	  grep -E '^ *--- |^(ok|FAIL|panic:)' bin/faults.log; \
	  passed=$$(grep -c '^ *--- PASS' bin/faults.log); failed=$$(grep -c '^ *--- FAIL' bin/faults.log); skipped=$$(grep -c '^ *--- SKIP' bin/faults.log); \
	  if [ $$status != 0 ]; then echo; tail -200 bin/faults.log; fi; \
	  if [ $$skipped != 0 ]; then echo "skipped, and here nothing may be:"; grep -A 2 '^ *--- SKIP' bin/faults.log; status=1; fi; \
	  echo; echo "$$passed passed, $$failed failed, $$skipped skipped"; exit $$status

soak:
	SOAK=$(SOAK) $(TIED) $(GO) test -tags faults -v -count 1 -timeout 24h -run '^TestSoak$$' ./test/faults

# It needs both cores for itself. No root: redis-server is run as who runs this.
bench:
	@command -v redis-server >/dev/null || { echo "there is no redis-server: make setup installs it"; exit 1; }
	@timeout 600 $(GO) run ./bench

bench-quick:
	@command -v redis-server >/dev/null || { echo "there is no redis-server: make setup installs it"; exit 1; }
	@echo "bench-quick: what the goals allow, doubled; times are for make bench"
	@timeout 1200 $(GO) run ./bench -quick

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.release=$(VERSION)' -o bin/pilotsync ./cmd/pilotsync

clean:
	rm -rf bin dist
