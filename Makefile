# Every command of the project. CI calls only these.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STAMP := $(VENV)/.installed
# On a machine with few cores, BLAS threads only fight with Spark's.
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format bench nightly soak compose-rehearsal clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-18s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once, about two minutes) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Headwater needs Python 3.10 or newer; PYTHON=python3.11 make ... picks another one")'
	@$(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv --quiet $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing: on Debian or Ubuntu, sudo apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import pip; raise SystemExit(int(pip.__version__.split(".")[0]) < 22)' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(STAMP) ## virtual environment, Java and jars (what the other commands need)
	@$(BIN)/headwater setup

demo: setup ## the whole recommender on this machine until Ctrl-C; ARGS="--once" ends by itself
	@$(BIN)/headwater demo $(ARGS)

test: setup lint ## the whole suite, real servers included
	@$(BIN)/python -m pytest $(ARGS)

test-fast: $(STAMP) ## the tests that need no servers (under a minute)
	@$(BIN)/python -m pytest -m 'not servers' $(ARGS)

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(STAMP) ## put the code into the project's format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup ## the README's ratios, each against its peer in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

nightly: setup ## 20 kills of streaming over a million events, then every invariant (about 20 minutes)
	@$(BIN)/python -m tests.faults.nightly $(ARGS)

soak: setup ## the stack for an hour under load: does anything grow or end? ARGS="--minutes 60 --rate 1000"
	@$(BIN)/python -m tests.faults.soak $(ARGS)

compose-rehearsal: ## docker compose up for real, with base images built from Debian packages (root)
	@bash tests/compose/rehearsal.sh

clean: ## remove the environment, the caches and the demo's data
	@rm -rf $(VENV) .cache data build *.egg-info .mypy_cache .ruff_cache .pytest_cache
