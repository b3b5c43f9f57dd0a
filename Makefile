# Every habit of this project. Needed: make, and Python 3.11 to 3.13 with its venv module; all else is installed into .venv.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
SALE := locustfiles/flashsale.py,loadshapes/flash_sale_spike.py

.PHONY: help setup demo ui test lint unit check bench up down compose-test report env lock size clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## the environment: .venv from requirements.lock, hashes required

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and not on PATH; or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) (about a minute the first time) …" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is needed (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## everything once: services, a shop, a minute of sale, catalogue and logins before a pipeline, the audit, a verdict
	@$(BIN)/lakestorm demo

ui: setup ## sandbox and Locust's web page on loopback, until Ctrl-C
	@trap '$(BIN)/lakestorm sandbox down' EXIT; trap : INT TERM; \
	env $$($(BIN)/lakestorm sandbox up) sh -c '$(BIN)/python -m seed && exec $(BIN)/locust -f locustfiles/flashsale.py'

test: setup lint ## lint, types, and all tests on real services; a skipped test is a failure
	@scripts/build-programs >/dev/null & \
	LAKESTORM_CHROMIUM=$$(scripts/install-chromium) && export LAKESTORM_CHROMIUM && for kind in unit integration browser; do \
	echo "tests/$$kind" && $(BIN)/python -m pytest --forbid-skips tests/$$kind || exit 1; done

lint: setup ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy

unit: setup ## the tests that need nothing running
	@$(BIN)/python -m pytest tests/unit

check: lint unit ## lint, types, unit tests

bench: setup ## ratios against named peers in the same run
	@$(BIN)/python -m tests.benchmarks

up: setup ## everything in containers, by docker compose; --profile platform: make up PROFILE=platform
	@$(BIN)/python deploy/secret_files.py
	@docker compose $(if $(PROFILE),--profile $(PROFILE)) up --detach --build

down: ## the end of it; results and data stay
	@docker compose --profile platform down

compose-test: setup ## the image and the compose file for real, with docker or podman
	@scripts/compose-test

report: setup ## the last run's report again, from its folder alone
	@$(BIN)/lakestorm report results/latest

env: setup ## write .env.example and docs/run.schema.json from the code
	@$(BIN)/python -m lakestorm.settings > .env.example
	@$(BIN)/python scripts/schema.py > docs/run.schema.json

lock: setup ## resolve requirements.lock anew for Linux and macOS, names and hashes only
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	--extra sandbox --extra dev pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	--constraint requirements.lock pyproject.toml --output-file requirements-runtime.lock
	@echo setuptools | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --constraint requirements.lock - --output-file requirements-build.lock

size: setup ## lengths of files and functions
	@$(BIN)/python scripts/size.py

clean: ## delete environment, sandbox, results and caches
	@for box in .sandbox .sandbox/demo; do test ! -d $$box || $(BIN)/lakestorm sandbox down --erase --dir $$box; done
	@rm -rf $(VENV) .sandbox results build *.egg-info .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
