# Every command of the project. CI calls only these.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests run in three processes, two of which have a Spark (tests/conftest.py): many tests wait more than they
# work. ARGS="-n0" runs them in one.
WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
# On a machine with few cores, BLAS threads only fight with Spark's.
export OPENBLAS_NUM_THREADS ?= 1
# Hundreds of processes are started here: without its bytecode, a service needs up to three seconds more.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
COMPILE = $(BIN)/python -m uv pip compile --universal --python-version 3.10 \
	--constraint constraints.txt --generate-hashes --no-header --no-annotate --quiet
LOCK = $(COMPILE) pyproject.toml locks/tools.in

.PHONY: help lock setup demo bytecode test test-fast lint format bench docs release nightly soak compose-rehearsal clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-18s %s\n", $$1, $$2}'

# By lock file: what running needs, and what the tests need besides.
$(RUN_STAMP): locks/run.txt pyproject.toml
	@$(PYTHON) stack/machine/install.py run
	@touch $@

$(DEV_STAMP): locks/dev.txt pyproject.toml
	@$(PYTHON) stack/machine/install.py dev
	@touch $(RUN_STAMP) $@

setup: $(RUN_STAMP) ## virtual environment, Java and jars (what the other commands need)
	@$(BIN)/headwater setup

demo: setup ## the whole recommender on this machine until Ctrl-C; ARGS="--once" ends by itself
	@$(BIN)/headwater demo $(ARGS)

# In a fresh clone, every worker would compile all modules at once, each for itself. One process does it while
# the linters need the other core; where it fails, the tests themselves will say so.
bytecode: $(DEV_STAMP)
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 &

test: $(DEV_STAMP) setup bytecode lint ## the whole suite, real servers included
	@$(PYTEST) --dist loadgroup --no-loadscope-reorder --durations=40 $(ARGS)

test-fast: $(DEV_STAMP) ## while writing: the tests that need neither servers nor time (about a minute)
	@$(PYTEST) --dist worksteal -m 'not servers and not slow' --hypothesis-profile quick $(ARGS)

lint: $(DEV_STAMP) ## ruff, mypy --strict (of tests: are calls and attributes right?), import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(DEV_STAMP) ## put the code into the project's format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(DEV_STAMP) setup ## the README's ratios, each against its peer in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(DEV_STAMP) ## the documentation as a site, build/docs/index.html, every link followed
	@$(BIN)/python -m release docs

release: $(DEV_STAMP) setup ## wheel, sdist and images; installs the wheel elsewhere and runs its demo there
	@$(BIN)/python -m release distributions

nightly: $(DEV_STAMP) setup ## faults that take long, as one table: 20 kills over a million events, full disks, ... (half an hour)
	@$(BIN)/python -m tests.faults.nightly $(ARGS)

soak: $(DEV_STAMP) setup ## the stack for an hour under load: does anything grow or end? ARGS="--minutes 60 --rate 1000"
	@$(BIN)/python -m tests.faults.soak $(ARGS)

lock: $(DEV_STAMP) ## write locks/ anew from pyproject.toml and constraints.txt (versions and hashes, no index)
	@$(LOCK) --extra stack --output-file locks/run.txt
	@$(LOCK) --extra stack --extra dev --output-file locks/dev.txt
	@$(COMPILE) pyproject.toml --extra streaming --extra training --output-file locks/images/spark.txt
	@$(COMPILE) pyproject.toml --extra serving --output-file locks/images/serving.txt
	@$(COMPILE) pyproject.toml --extra ingest --output-file locks/images/ingest.txt
	@$(COMPILE) pyproject.toml --extra experiments --output-file locks/images/experiments.txt
	@$(COMPILE) locks/images/jars.in --output-file locks/images/jars.txt

compose-rehearsal: ## docker compose up for real, with base images built from Debian packages (root)
	@bash tests/compose/rehearsal.sh

clean: ## remove the environment, the caches and the demo's data
	@rm -rf $(VENV) .cache data build *.egg-info .mypy_cache .ruff_cache .pytest_cache
