# What a developer does here, by name. Only Go is needed (and a C compiler for race).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
FUZZTIME ?= 10s
SEEDS ?= 200
DAYS ?= 30
PASSES ?= 20

.PHONY: help test race fuzz soak plants cluster lint demo bench generate verify ci

help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS=$$'\t' read -r name what; do printf '  %-10s %s\n' "$$name" "$$what"; done

test: ## run all tests
	go test ./...

race: ## run all tests under the race detector
	go test -race ./...

fuzz: ## run each fuzz target for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' cmd internal | sort | while read -r file; do \
		sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" < /dev/null; \
		done; \
	done

soak: ## live through SEEDS (200) worlds of DAYS (30), and cut the worker at every pair of calls; hours
	go test ./internal/simulation -run 'TestSimulation|TestCut' -v -timeout 24h -seeds $(SEEDS) -days $(DAYS) -pairs

plants: ## plant every fault into the worker and see that the simulation finds it; an hour
	go test ./internal/simulation -run TestPlants -v -timeout 6h -plants all

cluster: ## kill and freeze workers and servers of a cluster of three, PASSES (20) times; an hour
	go test ./cmd/reconciler -run TestCluster -cluster -count $(PASSES) -failfast -timeout 4h

lint: ## check format, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

demo: ## show the whole product working, live in the terminal
	go run ./cmd/reconciler demo

bench: ## run the benchmarks of all packages, with allocations
	go test -run '^$$' -bench . -benchmem ./...

generate: ## make the generated files again
	go generate ./...

# Compared with what was there before, and not with the last commit, so that it
# can be run with work in progress.
verify: ## fail if a generated file is not fresh
	@hashes() { git ls-files -z --cached --others --exclude-standard | sort -z | { xargs -0 sha256sum -- 2>/dev/null || true; }; }; \
	before=$$(hashes); go generate ./...; after=$$(hashes); \
	if [ "$$before" != "$$after" ]; then echo "not fresh; commit what go generate made:"; diff <(echo "$$before") <(echo "$$after") | sed -nE 's/^> [0-9a-f]+ +/  /p'; exit 1; fi; \
	echo "generated files are fresh"

ci: ## run what the build server runs
	.ci/run
