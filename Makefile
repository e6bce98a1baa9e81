# SPDX-License-Identifier: Apache-2.0
# The front door. Each target prepares what it needs (scripts/setup.sh), then calls an npm script.

.PHONY: help demo test bench soak check build

help: ## this list
	@echo "Postern: identity-aware gateway and policy compiler for data"
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

demo: ## a private MariaDB, identities and the gateway, with a guided tour; ONCE=1 ends after it
	@ONCE=$(ONCE) scripts/setup.sh demo npm run --silent demo

test: ## everything CI runs, servers included
	@scripts/setup.sh test npm test --silent

bench: ## direct, HAProxy and Postern in one run, as ratios
	@scripts/setup.sh bench npm run --silent bench

soak: ## 2,000 connections for 10 minutes while rules, leases and rights change; SOAK_SECONDS=60
	@scripts/setup.sh soak npm run --silent soak

check: ## types, lint and unit tests: the quick loop
	@scripts/setup.sh build npm run --silent check

build: ## compile into dist/
	@scripts/setup.sh build npm run --silent build
