# Two commands do all set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test torture torture-full check format demo bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.installed
	rm -rf snap-demo
	$(BIN)/snap demo snap-demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto

torture torture-full: $(VENV)/.installed
	rm -f .torture
	TORTURE=$(if $(findstring full,$@),full,long) TORTURE_RESULTS=.torture $(BIN)/python -m pytest -n auto tests/torture
	$(BIN)/python -m tests.torture .torture docs/reliability.md
	rm -f .torture

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_documents.py

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/fetch.py
	$(BIN)/python benchmarks/canonical.py

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) snap-demo build dist *.egg-info
