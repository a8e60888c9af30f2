# The few commands a person needs. `make demo` on a machine that has only Python 3.11 is enough to begin.
PYTHON ?= python3
RUN := .venv/bin/python
# Tests wait for servers much of the time: one process more than the two cores that they are made for.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder
SOURCES := $(wildcard domain store activities workflows web commands settings.py worker.py starter.py deploy)

# Where images set it, every process would compile our modules again: each command, and each test run its tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all test-pythons test-dates chaos lint format bench lock clean

help:
	@echo "make demo          the whole system on this machine, with a sample portfolio"
	@echo "make test          the tests that finish in minutes"
	@echo "make test-all      every test"
	@echo "make test-pythons  tests and a short demo under every Python ≥ 3.11 that is here"
	@echo "make test-dates    the tests on later days: none may age"
	@echo "make chaos         servers and providers failing for minutes: nothing sent twice, nothing lost"
	@echo "make lint          style, types and import rules"
	@echo "make bench         cost and scale, measured"

demo: .venv/installed
	@deploy/system-packages demo
	$(RUN) starter.py demo $(ARGS)

test: .venv/installed
	@deploy/system-packages test
	$(RUN) -m pytest -m "not slow" $(SPREAD) $(ARGS)

test-all: .venv/installed
	@deploy/system-packages test
	$(RUN) -m pytest --hypothesis-profile explore $(SPREAD) $(ARGS)

test-pythons:
	@deploy/test-pythons $(ARGS)

test-dates: .venv/installed
	@deploy/system-packages test
	PYTHON="$(RUN)" tests/faketime/run $(ARGS) $(SPREAD)

chaos: .venv/installed
	$(RUN) -m tests.chaos $(ARGS)

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict $(SOURCES)
	.venv/bin/lint-imports --no-logo

format: .venv/installed
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv/installed
	$(RUN) -m benchmarks $(ARGS)

# Pins every package by hash, without any address. Run it after changing the dependencies in pyproject.toml.
lock: .venv/installed
	UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile pyproject.toml --universal \
	    --python-version 3.11 --all-extras --generate-hashes --no-annotate --no-emit-index-url \
	    --no-emit-find-links --quiet --output-file requirements.lock

clean:
	rm -rf .venv .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/installed: requirements.lock deploy/make-venv
	@PYTHON="$(PYTHON)" deploy/make-venv
