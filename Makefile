# Everything a person or CI does with this repository. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# One shared target folder, outside the working tree, so that several clones build the dependencies once.
export CARGO_TARGET_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/qihang/target
# SQL is checked against .sqlx; `make sqlx` refreshes it.
export SQLX_OFFLINE ?= true

INSTALL := deploy/tools/install
# Servers that were unpacked without root are found through the PATH.
WITH_TOOLS := deploy/tools/with-tools
# Our crates are compiled by clippy's driver in lint and in test alike: clippy then costs no build of its own.
CLIPPY := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__

.PHONY: help run run-distributed demo web api test test-browser faults servers bench fuzz lint fmt sqlx secrets

help: ## Lists these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: web ## Installs what is missing and runs the suite in one process with demonstration data
	$(INSTALL) postgres
	cargo build -p qihang-standalone --bin qihang
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/qihang run --demo

run-distributed: web ## Runs each service as a process on private PostgreSQL, Redis and RabbitMQ
	$(INSTALL) postgres redis rabbitmq
	cargo build --workspace --bins
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/qihang distributed --demo

demo: ## Walks the main job over HTTP, roster of 5,000 to sealed agreement, and prints each step's time
	$(INSTALL) postgres
	cargo build -p qihang-standalone --bin qihang
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/qihang demo

web: ## Builds the portal and the phone pages that the gateway serves (needs Node.js)
	deploy/tools/web build

api: ## Writes the contract that the web's client is made from, after a change of proto
	cargo run -p qihang-gateway -- openapi > gateway/web/packages/api/openapi.json

test: web ## Every test, on private real servers that are stopped afterwards
	$(INSTALL) postgres redis rabbitmq verifiers browser
	$(CLIPPY) cargo build --workspace --all-targets
	$(CLIPPY) $(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/with-servers deploy/tools/test
	deploy/tools/web test
	$(WITH_TOOLS) deploy/tools/browser

test-browser: web ## The tests in a browser alone; pictures of every page are left below the target folder
	$(INSTALL) postgres browser
	$(CLIPPY) cargo build --workspace --all-targets
	$(WITH_TOOLS) deploy/tools/browser

# Kills, and the dice: a run that printed its seed can be had again. ONLY picks some, as for bench:
# kills rabbitmq documents postgresql redis messages network clocks restart.
N ?= 30
SEED ?=

faults: ## Kills and starves everything while students sign, N= kills by the dice of SEED=, and audits what is left
	$(INSTALL) postgres redis rabbitmq
	$(CLIPPY) cargo build --workspace --all-targets
	$(CLIPPY) QIHANG_TEST_FAULTS_N=$(N) QIHANG_TEST_FAULTS_SEED=$(SEED) QIHANG_TEST_FAULTS_ONLY='$(ONLY)' $(WITH_TOOLS) \
		cargo test --workspace --test faults -- --nocapture

servers: ## Keeps private servers open and prints the environment that tests want
	$(INSTALL) postgres redis rabbitmq
	$(CLIPPY) cargo build -p qihang-tests --bin with-servers
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/with-servers

# Which measurements: all when empty, else some of papers suite gateway login accept overload messages roster.
ONLY ?=

bench: ## Measures, each thing against a stated baseline; ONLY= picks some
	$(INSTALL) postgres redis rabbitmq
	cargo build --release --workspace --bins
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/release/bench $(ONLY)

# Seconds for each target of cargo fuzz, and examples of each call and caller for Schemathesis.
SECONDS ?= 60
EXAMPLES ?= 50

fuzz: ## Looks for inputs that break a promise: SECONDS= for each target, EXAMPLES= of each call
	$(INSTALL) postgres verifiers
	cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	for target in transcoder template page_token sheet; do \
		mkdir -p $(CARGO_TARGET_DIR)/fuzz-corpus/$$target && \
		cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir $(CARGO_TARGET_DIR)/fuzz $$target \
			$(CARGO_TARGET_DIR)/fuzz-corpus/$$target tests/fuzz/corpus/$$target -- -max_total_time=$(SECONDS) || exit 1; \
	done
	$(CLIPPY) QIHANG_TEST_EXAMPLES=$(EXAMPLES) $(WITH_TOOLS) cargo test -p qihang-tests --test security

lint: web ## Format, compiler and clippy without a warning, duplicates, licences
	cargo fmt --all --check
	$(CLIPPY) cargo build --workspace --all-targets
	deploy/tools/lint
	deploy/tools/web lint

fmt: ## Formats
	cargo fmt --all

sqlx: ## Refreshes .sqlx from the migrations
	$(INSTALL) postgres redis rabbitmq
	# It cannot be built while a query is not in .sqlx yet; one from before the change starts the same servers.
	[ -x $(CARGO_TARGET_DIR)/debug/with-servers ] || cargo build -p qihang-tests --bin with-servers
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/with-servers deploy/tools/sqlx

secrets: ## Makes the secrets of deploy/compose.yaml below deploy/secrets, once
	deploy/tools/secrets
