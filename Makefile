# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help install run ui ui-dev demo test browser-test e2e crash check generate bench bench-cluster clean cluster-build cluster-up cluster-down cluster-test images-test docker-up docker-down

install = sh scripts/install
# What a cluster can show at all: the chart, which needs an engine to build its image, and faults of the cluster itself.
on_cluster = env CLUSTER_FAULTS=true test/cluster/with.sh docker test/cluster/with.sh cluster

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install what package-lock.json names, unless it is there
	@$(install)

run: ## Start everything in one process on http://localhost:8000 (settings: docs/settings.md)
	@$(install) && scripts/build-ui && exec sh scripts/node local/main.ts

ui: ## Build the web page, unless it is up to date
	@$(install) && exec scripts/build-ui

ui-dev: ## Serve the web page as it is being written, for the server on port 8000; SERVER=http://… names another
	@$(install) && exec sh scripts/node node_modules/vite/bin/vite.js ui $(if $(SERVER),--mode $(SERVER))

demo: ## Show the whole main job with a scripted model, without any key
	@$(install) && exec sh scripts/node scripts/demo.ts

test: ## Run the everyday tests: all but `make crash`, `make browser-test` and most of `make e2e`; ARGS="operator/engine" runs some
	@$(install) && exec $(if $(ARGS),sh scripts/jest $(ARGS),env TEST_SANDBOXES=local sh scripts/jest --testPathIgnorePatterns /node_modules/ '/test/integration/(crash|redis)\.test\.ts$$' '/sandbox/daytona/(handle|transport)\.test\.ts$$' '/test/e2e/(?!(main-job|manners|secrets)\.test)' '/test/browser/')

browser-test: ## Run the tests through the page in Chromium, if it is installed; ARGS names some of them
	@$(install) && scripts/build-ui && exec sh scripts/jest $(if $(ARGS),$(ARGS),test/browser/)

e2e: ## Run all tests through the doors of the whole system: on this machine, crashes included, with Redis, at Daytona, and on a cluster
	@$(install) && exec $(on_cluster) sh -c 'code=0; sh scripts/jest test/e2e/ test/integration/redis operator/sandbox/daytona/ || code=1; sh scripts/jest --runInBand test/cluster/ || code=1; exit $$code'

crash: ## Kill the operator at every write and the whole system in the middle of its work (two minutes)
	@$(install) && exec sh scripts/jest test/integration/crash.test.ts test/e2e/crash.test.ts

check: ## Look for stale generated files, lint and format errors, and type errors
	@$(install) && npm run --silent check

generate: ## Make the types and validators from crds/, and the table in docs/settings.md
	@$(install) && npm run --silent generate

bench: ## Measure the system against a bare loop
	@$(install) && exec sh scripts/node bench/main.ts $(ARGS)

bench-cluster: ## Measure sessions in Pods of a cluster: that of E2E_KUBECONFIG, else the built one
	@$(install) && exec test/cluster/with.sh cluster sh scripts/node bench/cluster/main.ts $(ARGS)

cluster-build: ## Make what that needs and start nothing: ten minutes once, nothing to do after that
	@$(install) && exec test/cluster/build.sh

cluster-up: ## Bring up a real one-node Kubernetes for tests (root on Linux; docs/development-cluster.md)
	@$(install) && exec test/cluster/up.sh

cluster-down: ## Stop it and leave nothing behind; WIPE=1 forgets its objects as well
	@exec test/cluster/down.sh

cluster-test: ## Run the tests on a cluster: that of E2E_KUBECONFIG, else the built one; ARGS names some of them
	@$(install) && exec $(on_cluster) sh scripts/jest --runInBand $(if $(ARGS),$(ARGS),test/cluster/)

images-test: ## Build the images of the last commit and test them on a Docker engine; ARGS names some of them
	@$(install) && exec test/cluster/with.sh docker sh scripts/jest --runInBand $(if $(ARGS),$(ARGS),test/images/)

docker-up: ## Start a real Docker engine for tests of the images (root on Linux)
	@$(install) && exec test/cluster/docker.sh up

docker-down: ## Stop it and leave nothing behind
	@exec test/cluster/docker.sh down

clean: ## Remove what can be made again; .swe-agent and workspace stay
	@rm -rf node_modules coverage .cache ui/dist
