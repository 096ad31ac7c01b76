# make run and make test set everything up by themselves, in .venv of this checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
STAMP_ALL := $(VENV)/.ready-all

.PHONY: setup run test test-all test-ckan check format docs bench lock clean

setup: $(STAMP)

# uv is quicker where it is there; plain venv and pip do the same
$(STAMP): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(STAMP)

run: setup
	$(BIN)/mulu init
	$(BIN)/mulu demo
	$(BIN)/mulu serve

test: setup
	$(BIN)/python -m pytest -n 2

# Spark is large and needed by few: its tests run here, on an installed Java
$(STAMP_ALL): $(STAMP) requirements-spark.lock
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-spark.lock ; \
	else \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements-spark.lock ; \
	fi
	@touch $(STAMP_ALL)

# nothing may be skipped: what a test needs must be installed
test-all: $(STAMP_ALL)
	MULU_TEST_ALL=1 $(BIN)/python -m pytest -n 2

# against a real CKAN on this machine, in an environment of its own; needs redis-server and PostgreSQL
test-ckan: setup
	$(BIN)/python -m pytest -m ckan -n 2

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m catalog_specs
	$(BIN)/python -m validators

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# rule table and field dictionary, made from the specifications
docs: setup
	$(BIN)/python -m registry.dictionary docs

bench: setup
	$(BIN)/python -m bench.assess
	$(BIN)/python -m bench.intake
	$(BIN)/python -m bench.annotate
	$(BIN)/python -m bench.audit
	$(BIN)/python -m bench.scan
	$(BIN)/python -m bench.lists
	$(BIN)/python -m bench.sync
	$(BIN)/python -m bench.retire
	$(BIN)/python -m bench.api

lock:
	uv pip compile --quiet --generate-hashes --no-header --extra dev --extra peers --extra mysql --extra gm --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --generate-hashes --no-header --extra dev --extra peers --extra mysql --extra gm --extra spark --python-version 3.11 pyproject.toml -o requirements-spark.lock

clean:
	rm -rf $(VENV) build *.egg-info
