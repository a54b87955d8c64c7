# Every command that people and CI run. `make help` lists them.
# Set-up is inside the targets: on a fresh Debian machine with Rust and Python, `make interop` and `make test`
# install what they miss (Debian packages only as root, else the command to type is named).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build release bindings cpp-client fmt fmt-check lint arrows test test-rust test-python test-cpp \
	interop readme-matrix crowd fuzz ci vectors vectors-check clean

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

build: setup bindings cpp-client ## build everything: the Rust programs (release), the bindings, the C++ reference
	cargo build --release --locked -p backup-server -p backup-client -p backup-interop

bindings: $(VENV)/.ready ## build the Python bindings into the venv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --quiet --release --locked -m pybindings/Cargo.toml

cpp-client: setup ## build the C++ reference client
	$(MAKE) --no-print-directory -C $(CPP_CLIENT)

# --- check --------------------------------------------------------------------------------------

fmt: $(VENV)/.ready ## format Rust and Python
	cargo fmt --all
	$(VENV)/bin/ruff format --quiet $(PYTHON_FOLDERS)

fmt-check: $(VENV)/.ready ## fail where `make fmt` would change something
	cargo fmt --all --check
	$(VENV)/bin/ruff format --check --quiet $(PYTHON_FOLDERS)

lint: setup arrows ## clippy, ruff, mypy, and the direction of dependencies
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(VENV)/bin/ruff check --quiet $(PYTHON_FOLDERS)
	cd $(PY_SERVER) && $(CURDIR)/$(VENV)/bin/mypy
	cd pybindings && $(CURDIR)/$(VENV)/bin/mypy
	cd vectors && $(CURDIR)/$(VENV)/bin/mypy --config-file pyproject.toml generate *.py

arrows: ## check that no part depends on one that it must not know
	@scripts/check-arrows.sh

test: test-rust test-python test-cpp vectors-check ## every test but the matrix

test-rust: setup
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --locked; else cargo test --workspace --locked; fi
	cargo test --workspace --locked --doc

test-python: setup bindings
	cd $(PY_SERVER) && $(CURDIR)/$(PY) -m pytest -q
	cd pybindings && $(CURDIR)/$(PY) -m pytest -q

test-cpp: setup
	$(MAKE) --no-print-directory -C $(CPP_CLIENT) test

vectors: $(VENV)/.ready ## write the vectors again from their generators
	$(PY) vectors/generate/all.py

vectors-check: $(VENV)/.ready ## fail if the vectors differ from what the generators write, or a flag is unexplained
	$(PY) vectors/check.py
	$(PY) vectors/confirm.py

crowd: setup ## 10,000 idle and 1,000 slow connections against one server
	cargo test --release --locked -p backup-server --test hostile -- --ignored --nocapture ten_thousand

fuzz: setup ## fuzz every target for FUZZ_SECONDS (60) each
	scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

interop: build ## the matrix: every client against every server, every byte looked at
	target/release/backup-interop matrix
	@$(PY) scripts/check_readme.py target/release

readme-matrix: build ## play the matrix and write it into README.md
	target/release/backup-interop matrix | $(PY) scripts/write_matrix.py

ci: fmt-check lint test interop ## what CI runs

clean: ## remove everything that was built
	cargo clean
	rm -rf $(VENV) $(CPP_CLIENT)/build
	find . -name __pycache__ -not -path './target/*' -prune -exec rm -rf {} +
