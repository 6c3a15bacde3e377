# People and the pipeline run the same commands. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first Python that is new enough; `make PYTHON=/path/to/python3.13` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Frontdesk needs Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "Making the environment in $(VENV) (a minute, the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: run
run: $(STAMP) ## Start Frontdesk with its own PostgreSQL on http://127.0.0.1:8000
	@exec $(BIN)/frontdesk up

.PHONY: admin
admin: $(STAMP) ## Make an administrator of that Frontdesk
	@exec $(BIN)/frontdesk admin create

.PHONY: test
test: $(STAMP) ## Every test that needs neither a browser nor Docker
	$(BIN)/python -m pytest $(ARGS)

.PHONY: test-browser
test-browser: $(STAMP) node_modules/.installed ## Journeys through the pages in Chromium
	$(BIN)/python -m pytest -m browser $(ARGS)

node_modules/.installed: package-lock.json
	npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: check
check: $(STAMP) ## Formatting, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: catalogues
catalogues: $(STAMP) ## Bring the translations' catalogues up to the texts in pages and templates
	$(BIN)/python scripts/catalogues.py

.PHONY: screenshots
screenshots: $(STAMP) ## Take the README's pictures anew
	$(BIN)/python -m scripts.screenshots

.PHONY: docs
docs: $(STAMP) ## Write the generated pages (docs/settings.md)
	$(BIN)/python scripts/settings_page.py

LOCK := --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11
.PHONY: lock
lock: $(STAMP) ## Pin every dependency anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(LOCK) --group build -o requirements-build.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra local --group dev --constraint requirements.txt \
		-o requirements-dev.txt

.PHONY: bench
bench: $(STAMP) ## Measure, and print each figure beside its bare limit
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-peers
bench-peers: $(STAMP) ## Measure beside fastapi-users, PocketBase and Keycloak
	$(BIN)/python -m bench.peers $(ARGS)

# How many people the search is measured with; several sizes make a table.
N ?= 10000 100000
.PHONY: bench-search
bench-search: $(STAMP) ## Measure search: make bench-search N="100000 1000000"
	$(BIN)/python -m bench.search $(N) $(ARGS)

.PHONY: bench-tuning
bench-tuning: $(STAMP) ## Measure what the settings of nginx and PostgreSQL are worth (needs Docker)
	$(BIN)/python -m bench.tuning $(ARGS)

.PHONY: clean
clean: ## Remove what was made here, but not .frontdesk, which holds data
	rm -rf $(VENV) node_modules build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
