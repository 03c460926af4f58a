# One entry for people, pre-commit and CI. `make demo` and `make test` need only Python 3.10-3.13 and make.
#
#   PYTHON=/path/to/python3.12   interpreter that makes the environment
#   VENV=.venv                   where the environment lies
#   WORKERS=2                    test processes
#   DEMO_OUT=output_demo         where the demo writes

SHELL := /bin/bash
VENV ?= .venv
WORKERS ?= 2
DEMO_OUT ?= output_demo
PY := $(VENV)/bin/python
LEFT_OUT := gpu or weights or slurm
# Where the marks of LEFT_OUT stand: what is left out is found without collecting all tests once more.
LEFT_OUT_FILES = tests/slurm $$(grep -rlE "mark\.(gpu|weights|slurm)\b" tests --include="test_*.py")

export VENV
ifdef PYTHON
export PYTHON
endif
# Several processes share the cores; without this each of them would start a thread per core.
export OMP_NUM_THREADS ?= 1
# Each test process would read and rewrite 300 test files anew, seven seconds of each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-base setup-dev demo test fmt lint types docs check bench clean distclean

help:  ## Say what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup:  ## Make .venv with all that the tests need (the demo needs half of it); does nothing if it is up to date
	@bash .ci/setup.sh test

setup-base:
	@bash .ci/setup.sh base

setup-dev:
	@bash .ci/setup.sh dev

demo: setup-base  ## Run all phases on three procedural scenes; writes output_demo/
	$(PY) -m focusgen demo --out_root $(DEMO_OUT)

test: setup  ## Run the tests, slow ones too; names what was left out and what was skipped
	@echo "Left out, because they need a GPU, weights or Slurm:"
	@left=$$($(PY) -m pytest --collect-only -q -m "$(LEFT_OUT)" $(LEFT_OUT_FILES) 2>/dev/null | grep '::' | sed 's/^/  /'); \
	  echo "$${left:-  nothing}"
	$(PY) -m pytest -m "not ($(LEFT_OUT))" -n $(WORKERS) --dist worksteal -rs

fmt: setup-dev  ## Format the code and mend what the linter can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lint: setup-dev  ## Check style: ruff, and the syntax of shell scripts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@for script in .ci/run .ci/*.sh scripts/*.sh jobs/*.sh; do \
	  if [ -e "$$script" ]; then bash -n "$$script" || exit 1; fi; done

types: setup-dev  ## Check types: mypy --strict on focusgen/
	$(PY) -m mypy

check: lint types test  ## Everything that has to pass before a commit lands

docs: setup-dev  ## Make the documentation site in docs/_build/html; a warning is an error
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: setup  ## Measure what the documents claim; writes benchmarks/RESULTS.md
	$(PY) -m benchmarks

clean:  ## Remove caches, build products and the demo's output; keeps .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DEMO_OUT)
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## Remove .venv as well
	rm -rf $(VENV) *.egg-info
