# Works with git, make and Python 3.11 or later. `make demo` first; `make PYTHON=python3.12 demo` for another Python.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# uv installs in a third of pip's time; where it cannot, pip does
INSTALL = install() { $(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt "$$@" 2>/dev/null || \
	{ $(PIP) install --quiet --upgrade "pip>=25.1" && $(PIP) install --quiet --no-compile --constraint constraints.txt "$$@"; }; }; install
SOURCES := src tests docs $(wildcard benchmarks)

.PHONY: demo test coverage check fix bench docs site clean help

help:
	@echo "make demo    compare the losses on circles and write a report"
	@echo "make test    run the tests (ARGS='-m slow' for the long ones)"
	@echo "make coverage  whether tests reach every branch of the store and of the readers of files"
	@echo "make check   format, lint, types, architecture"
	@echo "make fix     repair format and lint where a machine can"
	@echo "make bench   measure against Keras and PyTorch"
	@echo "make docs    write the generated pages and check every link"
	@echo "make site    build the documentation site in build/site"
	@echo "make clean   remove everything that was made"

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lossmith needs Python 3.11 or later; name one: make PYTHON=python3.12 demo" >&2; exit 1; }
	@echo "installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --no-compile --constraint constraints.txt uv || echo "no uv here, pip will do"
	@touch $@

# a process that finds no bytecode compiles Keras and JAX anew, seven seconds of it, where the environment forbids writing any
COMPILE = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib src

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	@$(INSTALL) --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@$(INSTALL) --editable . --group test
	@$(COMPILE)
	@touch $@

$(VENV)/.check: $(VENV)/.test
	@$(INSTALL) --group check
	@touch $@

$(VENV)/.browser: $(VENV)/.test
	@$(INSTALL) --group browser --group docs
	@touch $@

$(VENV)/.docs: $(VENV)/.test
	@$(INSTALL) --group docs
	@touch $@

$(VENV)/.peers: $(VENV)/.test
	@$(PIP) install --quiet --constraint constraints.txt torch
	@touch $@

# what these require disagrees with what is pinned, so that they live in an environment of their own
$(VENV)/.foreign: $(VENV)/.made pyproject.toml
	@$(PYTHON) -m venv $(VENV)/foreign
	@$(VENV)/foreign/bin/python -m pip --disable-pip-version-check -q install --upgrade "pip>=25.1"
	@$(VENV)/foreign/bin/python -m pip --disable-pip-version-check -q install --editable . --group test --group tracking --group backends
	@touch $@

# Ray pins packages of its own
$(VENV)/.cluster: $(VENV)/.made pyproject.toml
	@$(PYTHON) -m venv $(VENV)/cluster
	@$(VENV)/cluster/bin/python -m pip --disable-pip-version-check -q install --upgrade "pip>=25.1"
	@$(VENV)/cluster/bin/python -m pip --disable-pip-version-check -q install --constraint constraints.txt --editable ".[ray]" --group test
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/lossmith compare circles --seeds 50 --out demo $(ARGS)
	@echo
	@echo "The report is demo/circles.html: open it in a browser."

test: $(VENV)/.test
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

coverage: $(VENV)/.test
	@$(BIN)/python tests/faults/branch_coverage.py $(ARGS)

check: $(VENV)/.check
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/python tests/architecture.py

fix: $(VENV)/.check
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: $(VENV)/.peers
	@$(BIN)/python benchmarks/sweep.py $(ARGS)

docs: $(VENV)/.test
	@$(BIN)/python docs/build.py $(ARGS)

# nothing is fetched, neither when it is built nor when it is read; what does not fit is an error
site: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet $(ARGS)
	@echo "The site is build/site/index.html: open it in a browser."

clean:
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist demo
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
