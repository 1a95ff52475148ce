# `make verify` and `make test` do all of their own set-up on a machine with Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# byte-compile at install: `import torch` then takes 1 s instead of 3
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help verify quick ledger full test test-slow coverage lint format docs serve site-test clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt .ci/hatch_build.py $(wildcard package/*)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,docs,site-test,build]'
	touch $@

verify: $(READY) ## Check every claim on a covering design of targets and schedules: minutes
	$(BIN)/concordant verify

quick: $(READY) ## The same in under a minute
	$(BIN)/concordant verify --quick

ledger: $(READY) ## Check everything and remake the committed ledger and the figures quoted from it
	$(BIN)/python -m concordant.proofs_tests.history # first: the file that it writes is one of the sources
	$(BIN)/concordant verify --json docs/ledger.json
	$(BIN)/python -m concordant.proofs_tests.pages

full: $(READY) ## Every cell: half an hour
	$(BIN)/concordant verify --full

test: $(READY) ## The test suite and the doctests
	$(BIN)/python -m pytest -q -n auto -m "not slow and not site"
	$(BIN)/python -m pytest -q --doctest-modules --pyargs concordant.errors concordant.impl concordant.theory concordant.proofs_tests --ignore-glob='*/tests/*'

test-slow: $(READY) ## Tests that take longer than a few seconds each
	$(BIN)/python -m pytest -q -n auto -m "slow and not site"

KERNEL := -q --cov=concordant.theory.kernel --cov-branch
coverage: $(READY) ## Fail unless the kernel's tests and doctests take every branch of it
	$(BIN)/python -m pytest $(KERNEL) -n auto --cov-report= $(addprefix proofs_tests/tests/test_,kernel.py kernel_refusals.py kernel_scalars.py print.py show.py)
	$(BIN)/python -m pytest $(KERNEL) --cov-append --cov-report=term-missing:skip-covered --cov-fail-under=100 --doctest-modules --pyargs concordant.theory.kernel

lint: $(READY) ## Style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p concordant

format: $(READY) ## Put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

NPM := build/npm/.ready
$(NPM): docs/npm/package.json docs/npm/package-lock.json
	mkdir -p build/npm
	cp docs/npm/package.json docs/npm/package-lock.json build/npm/
	npm ci --prefix build/npm --no-audit --no-fund --loglevel=error
	touch $@

docs: $(READY) $(NPM) ## Build the site into site/ (needs Node)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python -m concordant.proofs_tests.pages.check site

serve: $(READY) $(NPM) ## Look at the site while writing
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

site-test: docs ## Look at the built site with a browser (needs Chromium)
	CONCORDANT_SITE=site $(BIN)/python -m pytest -q -m site proofs_tests/tests/test_site.py
	CONCORDANT_SITE=site $(BIN)/python -m pytest -q -m site proofs_tests/tests/test_playground.py

clean: ## Remove all that was made
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
