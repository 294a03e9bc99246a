# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help install run demo test check generate bench clean

install = sh scripts/install

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install what package-lock.json names, unless it is there
	@$(install)

run: ## Start everything in one process on http://localhost:8000 (settings: docs/settings.md)
	@$(install) && exec sh scripts/node local/main.ts

demo: ## Show the whole main job with a scripted model, without any key
	@$(install) && exec sh scripts/node scripts/demo.ts

test: ## Run the tests; ARGS="operator/engine" runs some of them
	@$(install) && exec sh scripts/jest $(ARGS)

check: ## Look for stale generated files, lint and format errors, and type errors
	@$(install) && npm run --silent check

generate: ## Make the types and validators from crds/, and the table in docs/settings.md
	@$(install) && npm run --silent generate

bench: ## Measure the system against a bare loop
	@$(install) && exec sh scripts/node bench/main.ts $(ARGS)

clean: ## Remove what can be made again; .swe-agent and workspace stay
	@rm -rf node_modules coverage .cache
