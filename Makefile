# Two commands do everything: `make run` and `make test`. Both set up what is missing first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Nothing phones home, and nothing waits for an answer.
export DO_NOT_TRACK = 1
export HF_HUB_DISABLE_TELEMETRY = 1
export STREAMLIT_BROWSER_GATHER_USAGE_STATS = false
export LANGSMITH_TRACING = false

.PHONY: setup run demo test check format lint types fast bench models browser bubblewrap clean

setup: $(STAMP) models

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Wherefrom needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=26"
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-input --prefer-binary -c constraints.txt -e ".[dev,bench]"
	touch $@

models: $(STAMP)
	$(BIN)/wherefrom models fetch --default

run: setup
	$(BIN)/wherefrom ui

demo: setup
	$(BIN)/wherefrom demo

# Chromium and its driver for the browser tests; Debian names. Elsewhere: any Chromium on PATH.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium chromium-driver; }

# One of the sandbox's walls; where it cannot be had, its tests say so and skip.
bubblewrap:
	@command -v bwrap >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -q bubblewrap || \
		echo "bubblewrap is not here: the tests of that wall will skip"

test: setup browser bubblewrap
	$(BIN)/wherefrom models fetch --tests
	$(BIN)/python -m pytest

# Everything that needs neither weights nor a browser: seconds instead of minutes.
fast: $(STAMP)
	$(BIN)/python -m pytest -m "not model and not browser and not slow"

check: format lint types test

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/python -m mypy

bench: setup
	$(BIN)/wherefrom bench all

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
