# The same few commands for people and CI. Each can be run again and skips what is done.
SHELL := /bin/bash
PY := .venv/bin/python
export HF_HUB_OFFLINE := 1
export RASA_TELEMETRY_ENABLED := false

.PHONY: help setup run train test lint check evaluate evaluate-peers benchmark tools
help:            ## Show this list.
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup:           ## Create both environments and the demo's settings.
	@scripts/setup.sh

train: setup     ## Train what is missing or stale.
	@.venv/bin/helpdesk train

run: train       ## Start everything and print the addresses; Ctrl-C stops it.
	@exec .venv/bin/helpdesk serve

tools: setup     ## Install what only the tests need (browser, fonts, PostgreSQL, npm packages).
	@scripts/test-tools.sh

lint: tools      ## Style of Python and JavaScript.
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && npm run --silent lint

check: setup     ## Types, and the proof of the entries.
	@.venv/bin/mypy && .venv/bin/helpdesk knowledge check

test: tools lint check train  ## Everything that CI runs.
	@scripts/test.sh

evaluate: train  ## Figures on the development sets, with report and floors.
	@.venv/bin/helpdesk evaluate evaluation/sets/development.jsonl --floors --baselines --report var/evaluation

evaluate-peers: setup  ## Figures of Rasa alone, about an hour, once per version of the data; FORCE=1: again.
	@.venv/bin/helpdesk evaluate-peers $(if $(FORCE),--force)

benchmark: train ## Times, rates and memory of the running product, each beside its target.
	@.venv/bin/helpdesk benchmark
