# Two commands matter: `make demo` and `make test`. The first use of a target installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
BENCH := .venv/.bench

.PHONY: demo test check samples judge bench clean

demo: $(RUNTIME)
	$(BIN)/erp-telemetry demo --out out

test: $(DEV)
	$(BIN)/python -m pytest -n 2 -q

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

samples: $(RUNTIME)
	$(BIN)/python data/samples/generate.py

judge: $(DEV)
	@if ls benchmarks/judge_*.py >/dev/null 2>&1; then \
	  for file in benchmarks/judge_*.py; do $(BIN)/python $$file || exit 1; done; \
	else echo "nothing to judge yet: benchmarks/ has no judge_*.py"; fi

bench: $(BENCH)
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done
	$(BIN)/python benchmarks/report.py

clean:
	rm -rf .venv out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(DEV): pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(RUNTIME) $@

$(BENCH): pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $(RUNTIME) $@
