# The day's commands. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.PHONY: run
run: ## install what is needed, build, and show a fleet on this machine: server, agent, a live query; until Ctrl-C
	@tools/install build
	@cmake --preset release -DOSPREY_TESTS=OFF >/dev/null && cmake --build build -j $(JOBS)
	@tools/demo

.PHONY: build
build: ## build the programs and the unit tests into build/
	@tools/install build test
	@cmake --preset release -DOSPREY_TESTS=ON >/dev/null && cmake --build build -j $(JOBS)

.PHONY: test
test: ## everything that must pass, from nothing: builds, checks, tests, fuzz targets; ends with one line of counts
	@tools/install build test
	@tools/test

.PHONY: check
check: ## format, tidy on what changed, layers, generated files
	@tools/install build test
	@tools/check

.PHONY: golden
golden: build ## rewrite the golden files, and the generated references, from what the code answers now
	@OSPREY_UPDATE_GOLDEN=1 build/test/tables_test --gtest_filter='Roots/*' --gtest_brief=1
	@tools/generate

.PHONY: bench
bench: ## osprey beside the tools a person would use, what events cost beside their peers, what the agent costs (forty minutes; as root)
	@tools/install build test bench
	@cmake --preset release -DOSPREY_TESTS=ON >/dev/null && cmake --build build -j $(JOBS) --target all differential_bench filesystem_sink_bench listener_bench storm file_storm enrich_bench
	@bench/bench
	@build/bench/differential_bench
	@build/bench/filesystem_sink_bench
	@build/bench/listener_bench
	@bench/events/storms exec
	@bench/events/storms exec-static --watchers osprey-bpf osprey-audit auditd
	@bench/events/storms exec --rate 1000 --rounds 1 --watchers osprey-bpf osprey-audit auditd
	@bench/events/storms connect
	@build/bench/enrich_bench
	@build/bench/file_storm
	@bench/events/neighbours
	@bench/agent

.PHONY: fuzz
fuzz: ## every fuzz target for SECONDS_EACH (default 60) seconds
	@tools/install build test
	@tools/fuzz --seconds $(or $(SECONDS_EACH),60)

.PHONY: soak
soak: build ## the thread sanitizer over all unit tests and the fleet's integration tests, 200 kills of each kind, an hour's storm of changes under every table and one of events, long fuzzing
	@tools/install bench
	@cmake --build build -j $(JOBS) --target storm
	@cmake --preset thread >/dev/null && cmake --build build/thread -j $(JOBS) --target all fleet_simulator
	@tests/soak/threads
	@OSPREY_KILLS=200 python3 -m pytest -q -p no:cacheprovider tests/integration/test_agent_faults.py
	@tests/soak/storm.py --minutes $(or $(MINUTES),60)
	@tests/soak/events.py --minutes $(or $(MINUTES),60)
	@tools/fuzz --seconds 600

.PHONY: format
format: ## format every source file
	@git ls-files '*.cpp' '*.h' | xargs clang-format-19 -i

.PHONY: install
install: ## put programs, unit, packs and configuration below DESTDIR, PREFIX=/usr; OSQUERY_NAMES=1 for osquery's names, too
	@cmake --preset release >/dev/null && cmake --build build -j $(JOBS) --target osprey osprey-server ospreyctl modules
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" OSQUERY_NAMES="$(OSQUERY_NAMES)" packaging/install
