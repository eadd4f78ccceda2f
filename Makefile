# Everything a newcomer needs; `make` alone lists the targets.

PYTHON ?= python3
UNIVERSE ?= sample
# One process more than there are cores, since some tests wait for daemons; what is left at the end is shared.
PYTEST_ARGUMENTS ?= -n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist worksteal
TESTS ?= stock_assets_tests
VENV := .venv
BIN := $(VENV)/bin

export STOCK_ASSETS_UNIVERSE := $(UNIVERSE)

.DEFAULT_GOAL := help
.PHONY: help run doctor ui backfill weights test test-mariadb bench lint format clean

help: ## list the targets
	@echo "Targets (UNIVERSE=$(UNIVERSE)):"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(VENV)/.installed ## bring the universe up to date: prices, training, predictions, weights
	@$(BIN)/stock-assets run

doctor: $(VENV)/.installed ## check everything the universe needs, and say what to do
	@$(BIN)/stock-assets doctor

ui: $(VENV)/.installed ## serve the Dagster UI and its daemon on http://127.0.0.1:3000
	@$(BIN)/stock-assets ui

backfill: $(VENV)/.installed ## materialize all daily assets of a range: FROM=2022-01-03 TO=2022-12-28
	@$(BIN)/stock-assets backfill --from "$(FROM)" --to "$(TO)"

weights: $(VENV)/.installed ## print the weights of the last published day
	@$(BIN)/stock-assets weights

test: $(VENV)/.installed-dev ## run the tests; TESTS=stock_assets_tests/pipeline for some
	@$(BIN)/python -m pytest $(PYTEST_ARGUMENTS) $(TESTS)

test-mariadb: $(VENV)/.installed-dev ## run all tests with their deployments on a private MariaDB server
	@$(BIN)/python -m pytest $(PYTEST_ARGUMENTS) --database mariadb $(TESTS)

bench: $(VENV)/.installed-dev ## measure what takes how long, some ten minutes: QUICK=1 for less
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

lint: $(VENV)/.installed-dev ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.installed-dev ## format the code and sort the imports
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove the environment, and nothing that was computed
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; say which one with make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)

# Touched last, so that an interrupted installation is made again.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing the packages into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
