# Everything a person types here. `make demo` and `make test` set up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check mutate-policy quality bench sweep clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/extractor demo

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each clause test once without each rule that it names: it must fail then.
mutate-policy: setup
	$(BIN)/python -m tools.mutate_policy

# The wished figures of free text beside the measured ones; fails where a floor is missed.
quality: setup
	$(BIN)/python -m benchmarks.text_known
	$(BIN)/python -m benchmarks.text_quality

bench: setup
	$(BIN)/python -m benchmarks

sweep: setup
	$(BIN)/python -m benchmarks.text_quality
	$(BIN)/python -m benchmarks.pipeline 5 3 --memory
	OVER_ASKS=10000 $(BIN)/python -m pytest -q tests/property/test_over_asks.py
	NEED=10000 $(BIN)/python -m pytest -q tests/property/test_plain_reading.py
	PRESIDIO_EVERY=1 $(BIN)/python -m pytest -q tests/unit/test_presidio_agreement.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
