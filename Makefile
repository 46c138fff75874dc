# Everything starts here: `make help`. The environment is .venv, made from the lock; whatever a run writes lies in data/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
# Warnings of libraries about each other say nothing to who runs this.
export PYTHONWARNINGS := ignore
export UV_PYTHON_DOWNLOADS := never

# uv does not read pip's configuration: it gets the index and the certificates that this machine's pip uses.
pip_setting = $(shell $(PYTHON) -m pip config list 2>/dev/null | sed -n "s/^global\.$(1)='\(.*\)'$$/\1/p")
UV = env \
	$(addprefix UV_DEFAULT_INDEX=,$(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(call pip_setting,index-url))) \
	$(addprefix SSL_CERT_FILE=,$(or $(SSL_CERT_FILE),$(PIP_CERT),$(call pip_setting,cert))) \
	.uv/bin/uv

# Paths, `.env` and the profile are settled in one place; `--sandbox` adds the vendor servers in the profile sandbox.
IN_ENVIRONMENT := .venv/bin/python -m dagster_project.environment

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 26

.PHONY: refresh
refresh: .venv/installed  ## Run the nightly job once, to published marts and a summary
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m dagster_project.refresh

.PHONY: check
check: .venv/installed  ## Ask sources, settings and machine whether a refresh can run; nothing is loaded
	@$(IN_ENVIRONMENT) --sandbox --unchecked -- .venv/bin/python -m dagster_project.check

.PHONY: replay
replay: .venv/installed  ## Load what was rejected before and fits by now, without reading from a vendor (SOURCE=shopify)
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m ingestion --replay $(SOURCE)

.PHONY: receive
receive: .venv/installed  ## Receive webhooks on 127.0.0.1:8300, into the inboxes that a refresh reads, until it is stopped
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m ingestion.receiver

.PHONY: dbt
dbt: .venv/installed  ## Run dbt on a copy, as of the last refresh (ARGS="build -s customer_360")
	@.venv/bin/python -m dagster_project.dbt_command $(ARGS)

.PHONY: metrics
metrics: .venv/installed  ## Ask MetricFlow for metrics, on that copy (ARGS="query --metrics revenue --group-by metric_time__month")
	@.venv/bin/python -m dagster_project.metrics_command $(ARGS)

.PHONY: sample
sample: .venv/installed  ## Let make dbt work on a sample of a large warehouse (PEOPLE=1000), or on all of it again (PEOPLE=all)
	@.venv/bin/python -m dagster_project.sample_command $(PEOPLE)

.PHONY: shell
shell: .venv/installed  ## Open DuckDB's shell, read-only, on a copy of the last build
	@.venv/bin/python -m dagster_project.shell_command $(ARGS)

.PHONY: dev
dev: .venv/installed  ## Open Dagster's web UI on 127.0.0.1:3000 (PORT=3000)
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/dg dev --host 127.0.0.1 --port $(or $(PORT),3000)

.PHONY: superset
superset: .venv/installed .superset/installed  ## Open Superset with the dashboards on 127.0.0.1:8088 (PORT=8088, OVER=postgres)
	@.venv/bin/python -m dagster_project.superset_command --port $(or $(PORT),8088) --over $(or $(OVER),file)

.PHONY: spark-up
spark-up: .venv/spark  ## Start Spark on this machine, or what is missing of it, for LIFECYCLE_ENGINE=spark
	@.venv/bin/python -m dagster_project.spark_command up

.PHONY: spark-down
spark-down: .venv/installed  ## Stop that Spark; its tables and logs stay
	@.venv/bin/python -m dagster_project.spark_command down

.PHONY: docs
docs: .venv/installed  ## Write the documentation as a site: docs/, and every model with its lineage
	@.venv/bin/python -m dagster_project.docs_command

.PHONY: report
report: .venv/installed  ## Write the report of the published version anew
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m dagster_project.report

.PHONY: pictures
pictures: .venv/installed  ## Make the pictures of the README anew, of the published version
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m dagster_project.pictures

.PHONY: mapping
mapping: .venv/installed  ## Write a first mapping from a folder of files (DATA=folder, OUT=file)
	@test -n "$(DATA)" || { echo "Give the folder: make mapping DATA=/path/to/files"; exit 1; }
	@.venv/bin/python -m ingestion.sources.files.draft "$(DATA)" $(if $(OUT),--out "$(OUT)")

.PHONY: rollback
rollback: .venv/installed  ## Publish the version before the current one again
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m dagster_project.rollback

.PHONY: export
export: .venv/installed  ## Write the published marts into a folder (FORMAT=xlsx, csv or parquet, OUT=folder)
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m dagster_project.export_marts "$(or $(FORMAT),xlsx)" $(if $(OUT),--out "$(OUT)")

.PHONY: activate
activate: .venv/installed  ## Show what would be told to ad platforms, HubSpot and respond.io, or send it (ACTIVATION_SINKS=meta)
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m dagster_project.activate $(ARGS)

.PHONY: export-person
export-person: .venv/installed  ## Write all that is known of a person into a folder (ID=any identifier, OUT=folder)
	@test -n "$(ID)" || { echo "Say who: make export-person ID=<e-mail, phone, vendor's id or person_id>"; exit 1; }
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m dagster_project.export_person "$(ID)" $(if $(OUT),--out "$(OUT)")

.PHONY: erase
erase: .venv/installed  ## Erase a person for good (ID=any identifier, REASON=, YES=1 not to be asked, SHARED=keep)
	@test -n "$(ID)" || { echo "Say who: make erase ID=<e-mail, phone, vendor's id or person_id>"; exit 1; }
	@$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m dagster_project.erase "$(ID)" --reason "$(REASON)" $(if $(YES),--yes) $(if $(filter keep,$(SHARED)),--keep-shared)

.PHONY: erase-withdraw
erase-withdraw: .venv/installed  ## Let a person who was erased be known again from now on (ID=e-mail or phone)
	@test -n "$(ID)" || { echo "Say who: make erase-withdraw ID=<e-mail or phone>"; exit 1; }
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m dagster_project.erase "$(ID)" --withdraw

.PHONY: sandbox-advance
sandbox-advance: .venv/installed  ## Let days pass in the sandbox (DAYS=1)
	@$(IN_ENVIRONMENT) -- .venv/bin/python -m sandbox advance --days $(or $(DAYS),1)

.PHONY: example-online-retail
example-online-retail: .venv/installed  ## Run the job on the UCI Online Retail order book (DATA=path of the Parquet file)
	@test -f "$(DATA)" || { echo "Give the file: make example-online-retail DATA=/path/to/online_retail.parquet"; exit 1; }
	@LIFECYCLE_PROFILE=production \
	LIFECYCLE_SOURCES=files \
	LIFECYCLE_DATA_DIR="$(CURDIR)/data/online_retail" \
	LIFECYCLE_REPORTING_CURRENCY=GBP \
	LIFECYCLE_AS_OF=2011-12-10T00:00:00Z \
	SOURCES__FILES__MAPPINGS_PATH="$(CURDIR)/examples/online_retail" \
	SOURCES__FILES__DATA_PATH="$(abspath $(dir $(DATA)))" \
	$(IN_ENVIRONMENT) --sandbox -- .venv/bin/python -m dagster_project.refresh

.PHONY: evidence
evidence: example-online-retail  ## Write docs/evidence.md anew: forecast against actual on Online Retail (DATA=path of the file)
	@.venv/bin/python -m examples.online_retail.evidence data/online_retail/warehouse.duckdb

.PHONY: lint
lint: .venv/installed  ## Check style, types, SQL and definitions
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-types lint-definitions lint-style

# Beside each other, the longest first, because each uses one core. What one says stays together.
.PHONY: lint-types lint-definitions lint-style
lint-types:
	.venv/bin/mypy

lint-definitions:
	@# The refresh goes on from what is parsed here, from another folder: dbt keeps the path of seeds as it is given.
	$(IN_ENVIRONMENT) -- .venv/bin/dbt --warn-error --quiet parse \
		--project-dir "$(CURDIR)/dbt_project" --profiles-dir "$(CURDIR)/dbt_project"
	$(IN_ENVIRONMENT) -- .venv/bin/dg check defs

lint-style:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/sqlfmt --check --reset-cache dbt_project reports
	.venv/bin/python -m dbt_project.portable_sql dbt_project

.PHONY: test
test: lint  ## Run every check: lint, then unit, contract and integration tests
	@# Tests on a real Spark need Java and many minutes: `make test-spark`.
	@# One process more than cores: many tests wait for a process of theirs, or for a server.
	.venv/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/spark

.PHONY: resilience
resilience: .venv/installed  ## Break the nightly job for real, in every way it has to survive (the long version of tests/resilience)
	@RESILIENCE=long .venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/resilience tests/integration/test_source_subset.py

.PHONY: test-superset
test-superset: .venv/installed .superset/installed  ## Look at every dashboard in a real Superset and a real Chromium (minutes)
	@.venv/bin/pytest tests/integration/test_superset.py

.PHONY: test-spark
test-spark: .venv/spark  ## Run the tests on a real Spark on this machine (minutes)
	@.venv/bin/pytest tests/spark

.PHONY: bench
bench: .venv/installed  ## Measure speed and memory beside floors, as docs/benchmarks.md shows (ARGS="--only refresh")
	@.venv/bin/python -m tests.benchmarks $(ARGS)

.PHONY: bench-spark
bench-spark: .venv/spark  ## Measure the models on DuckDB and on one and two workers of Spark (ARGS="--spark-people 2000 20000")
	@.venv/bin/python -m tests.benchmarks --only spark $(ARGS)

.PHONY: lock
lock: .uv/installed  ## Make the locks anew from pyproject.toml (hashes, no index)
	$(UV) pip compile pyproject.toml $(LOCK) --extra dev -o requirements/dev.txt
	$(UV) pip compile pyproject.toml $(LOCK) --constraint requirements/dev.txt -o requirements/base.txt
	$(UV) pip compile pyproject.toml $(LOCK) --extra spark --constraint requirements/dev.txt -o requirements/spark.txt
	echo "uv" | $(UV) pip compile - $(LOCK) -o requirements/uv.txt
	@# Superset asks for what works with it by lower bounds alone: what came out after it has not been run with it.
	$(UV) pip compile requirements/superset.in $(LOCK) --no-emit-find-links --exclude-newer 2026-05-25 -o requirements/superset.txt
LOCK := --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock"

.PHONY: clean
clean:  ## Remove environments and caches; data/ stays
	rm -rf .venv .uv .superset .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment for running and checking: a second one would be a second thing to keep in step.
# requirements/base.txt is the lock of a deployment that only refreshes.
.venv/installed: requirements/dev.txt .uv/installed
	@echo "Installing the environment (.venv) …"
	@$(UV) venv --quiet --allow-existing --python "$(PYTHON)" .venv
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .venv/bin/python requirements/dev.txt \
		$(if $(wildcard .venv/spark),requirements/spark.txt)
	@# The rooms are importable from anywhere, as after an installation in place.
	@echo "$(CURDIR)" > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/customer_lifecycle_warehouse.pth"
	@# A first refresh would spend ten seconds on parsing these same files, and another on bundling this same script.
	@.venv/bin/python -m dagster_project.parsed_project
	@.venv/bin/python -m reports.script
	@touch $@

# The extra `spark`, which lies in the same environment: half a gigabyte that nobody needs without Spark.
.venv/spark: requirements/spark.txt .venv/installed
	@echo "Installing the extra spark (.venv) …"
	@$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv/bin/python -r requirements/spark.txt
	@touch $@

.superset/installed: requirements/superset.txt .uv/installed
	@echo "Installing Superset (.superset) …"
	@$(UV) venv --quiet --allow-existing --python "$(PYTHON)" .superset
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .superset/bin/python requirements/superset.txt
	@touch $@

.uv/installed: requirements/uv.txt
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is missing. On Debian: apt-get install python3.11 python3.11-venv. Elsewhere: make … PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks venv. On Debian: apt-get install python3.11-venv"; exit 1; }
	@"$(PYTHON)" -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@
