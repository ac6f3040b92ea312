# Everything starts here: `make book` to read, `make test` to check. Needs only Python 3.11 or newer.
SHELL := bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# stamps: what was done, in the folder whose loss undoes it
INSTALLED := $(VENV)/.installed
BUILT := _build/.built
PAGES := $(wildcard book/*.ipynb book/*.md)
CHAPTERS := $(wildcard book/*.ipynb)
# pages also print from the package, the records and the changelog
BOOK_SOURCES := $(PAGES) book/references.bib _config.yml _toc.yml CHANGELOG.md CITATION.cff \
  $(shell find book/_ext book/_static book/api book/records ganmath -type f -not -name '*.pyc') \
  $(wildcard _build/status.json)

.PHONY: help install book pdf zip test status lint chromium notebooks equations format lock clean

help:
	@echo "make book       install, build the HTML book, print the address of the page to open"
	@echo "make pdf        print the whole book: _build/ganmath.pdf"
	@echo "make zip        pack the book for reading offline: _build/ganmath-book.zip"
	@echo "make test       install, lint, type-check, build, and run every test and every chapter"
	@echo "make status     record the last run of the tests for the status page"
	@echo "make notebooks  execute the chapters at this machine's scale and store their outputs"
	@echo "                (one of them: make notebooks CHAPTERS=book/minimax.ipynb)"
	@echo "make equations  write the registered equations into the chapters and their list into the package"
	@echo "make format     format the code"
	@echo "make lock       renew requirements.lock"
	@echo "make clean      remove everything that was built (not $(VENV))"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	@test -x $(BIN)/python || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "requirements.lock needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }; \
	  $(PYTHON) -m venv $(VENV); }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv
	@echo "Installing into $(VENV) ..."
	@$(BIN)/uv pip install -q --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --editable .
	@touch $@

book: $(BUILT)
	@echo "file://$(CURDIR)/_build/html/index.html"

# a fresh build every time: stale doctrees cost more than the seconds they save
$(BUILT): $(INSTALLED) $(BOOK_SOURCES)
	@rm -rf _build/html _build/.doctrees
	@mkdir -p _build
	@echo "Building the book ..."
	@$(BIN)/jupyter-book build -W --keep-going . > _build/log.txt 2>&1 \
	  || { grep -E "WARNING|ERROR|rror:" _build/log.txt || cat _build/log.txt; exit 1; }
	@touch $@

pdf: $(BUILT) chromium
	@$(BIN)/python tools/make_pdf.py

zip: $(BUILT)
	@$(BIN)/python tools/make_zip.py

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# root with apt gets Chromium; anyone else is told, and the browser tests say that they were skipped
chromium:
	@command -v chromium chromium-browser google-chrome > /dev/null || test -n "$$GANMATH_CHROMIUM" || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends chromium > /dev/null; \
	  else \
	    echo "No Chromium: browser tests cannot run. Install it (apt-get install chromium) or set GANMATH_CHROMIUM."; \
	  fi; }

# One run of pytest for the package, every chapter and every page, so that its closing lines are the
# verdict. Chapters run at smoke scale; each process keeps to one thread, as two of them run. Files
# start in the order of their names, not of their tests' number: test_colab.py is few tests, but long.
# Pytest's own report goes to the status page of the next build, also when tests fail; the exit status
# is pytest's.
test: lint $(BUILT) chromium
	@rm -f _build/test-results.xml
	@verdict=0; GANMATH_SCALE=smoke OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
	  --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --junitxml=_build/test-results.xml \
	  tests $(CHAPTERS) || verdict=$$?; \
	  $(BIN)/python tools/write_status.py > /dev/null || test $$verdict != 0; exit $$verdict

# the last run of the tests, for builds of the book that follow none of their own
status: $(INSTALLED)
	@$(BIN)/python tools/write_status.py --record

notebooks: $(INSTALLED)
	@$(BIN)/python tools/execute_notebooks.py $(CHAPTERS)

equations: $(INSTALLED)
	@$(BIN)/python tools/write_equations.py

format: $(INSTALLED)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(INSTALLED)
	@$(BIN)/uv pip compile pyproject.toml -q --all-extras --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean:
	rm -rf _build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis $(INSTALLED)
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
