# Plain `make` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Only what the command line sets: shells have a variable SECONDS of their own.
ifeq ($(origin SECONDS),command line)
DEMO_FLAGS := --seconds $(SECONDS)
endif

.DEFAULT_GOAL := help
.PHONY: help demo compile test test-fast simulate chaos check format lock up down clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Run the exchange with simulated traders; SECONDS=30 ends by itself and checks
	@$(BIN)/velocity demo $(DEMO_FLAGS)

compile: $(STAMP) ## Compile the machines, for a third less of their time; needs a C compiler
	@$(BIN)/python -m infra.compile

up: $(STAMP) ## Start the broker, the database and every service
	@$(BIN)/velocity up

down: $(STAMP) ## Stop what `up` started
	@$(BIN)/velocity down

test: $(STAMP) ## Run all tests, on a real broker and database
	$(BIN)/pytest --durations=20

test-fast: $(STAMP) ## Run the tests that need no servers and no patience
	$(BIN)/pytest -q -m "not servers and not long"

SEEDS ?= 2000
FIRST ?= 1

simulate: $(STAMP) ## Run the exchange in simulated time while everything fails; SEEDS=2000
	@$(BIN)/python -m tests.simulation $(FIRST) --seeds $(SEEDS)

chaos: $(STAMP) ## Kill and pause what the exchange runs on; ROUNDS=20
	$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),20)

check: $(STAMP) ## Lint, check format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP) ## Format, and fix what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" pyproject.toml

lock: $(STAMP) ## Lock the dependencies anew, after a change in pyproject.toml
	$(LOCK) -o infra/lock/runtime.txt
	$(LOCK) --extra compile -o infra/lock/compile.txt
	$(LOCK) --extra dev -o infra/lock/dev.txt

clean: ## Remove the environment and caches; no data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip installs uv, the one tool that fetches the rest in seconds; both by the lock's hashes. The
# project itself needs no build: a .pth file puts this folder on the path.
$(STAMP): infra/lock/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
		"Name another with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[^ #]/ { uv = /^uv==/ } uv' infra/lock/dev.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode \
		infra/lock/dev.txt
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), \
		"velocity.pth").write_text("$(CURDIR)\n")'
	@printf '#!%s\nfrom infra.cli import main\n\nmain()\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/velocity
	@chmod +x $(BIN)/velocity
	@touch $@
