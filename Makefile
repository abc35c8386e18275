# Two commands do all set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test test-wheel torture torture-full check catalogue format demo bench bench-policies docs clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.installed
	rm -rf snap-demo
	$(BIN)/snap demo snap-demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto

TORTURE_TESTS := tests/torture tests/test_zoo.py tests/test_hostile.py
PART := $(TORTURE_TESTS)

# Tables in docs/reliability.md are made of what ran, also where something did not hold. The full form can be run in
# parts, whose results add up: `make torture-full PART=tests/torture/test_kills.py`, `KEEP=1` behind the first.
torture torture-full: $(VENV)/.installed
	$(if $(KEEP),,rm -f .$@ .$@.failed)
	TORTURE=$(if $(findstring full,$@),full,long) TORTURE_RESULTS=.$@ $(BIN)/python -m pytest -n auto --dist worksteal $(PART); \
		ended=$$?; $(BIN)/python -m tests.torture .$@ docs/reliability.md && exit $$ended

# The tests against what a user installs: the source folder is not there.
test-wheel: $(VENV)/.installed
	rm -rf .wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir .wheel/dist .
	$(PYTHON) -m venv .wheel/venv
	.wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(ls .wheel/dist/*.whl)[dev]"
	mkdir .wheel/room
	cp -r tests docs archive.example benchmarks hooks Makefile *.md pyproject.toml .wheel/room
	cd .wheel/room && ../venv/bin/python -m pytest -n auto --ignore tests/test_architecture.py $(WHEEL_TESTS)
	rm -rf .wheel

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_documents.py

# The ready source files: all, or with NAME=x one of them, with everything that can go wrong.
catalogue: $(VENV)/.installed
	$(BIN)/python -m tests.catalogue_checks $(NAME)

# Everything in under ten minutes; writes benchmarks/results.json, and tables and pictures into docs/.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/all.py --write

# All worlds and seeds, about ten minutes; rewrites table and plot in docs/refresh.md.
bench-policies: $(VENV)/.installed
	$(BIN)/python benchmarks/refresh_policies.py --full --write

docs: $(VENV)/.installed
	$(BIN)/python -m docs.make picture

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .wheel snap-demo build dist *.egg-info
