# People and the pipeline run the same commands. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
# The linters' own: sslyze and the service need different versions of cryptography.
DEPLOY := .venv-deploy
# With REPORTS=folder, tests leave there what the pipeline publishes.
JUNIT = $(if $(REPORTS),--junitxml=$(REPORTS)/$@.xml)
COVERAGE = $(if $(REPORTS),--cov --cov-report=xml:$(REPORTS)/coverage.xml --cov-report=)
STAMP := $(VENV)/.installed
# The first Python that is new enough; `make PYTHON=/path/to/python3.13` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help
help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

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

# So many tests side by side, with a PostgreSQL of their own where they need one: as many as there are cores, and one more as
# they wait a third of the time; but not more than four. With 0 they run one after the other, in sight of a debugger.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores < 4 ? cores + 1 : 4)))
SIDE_BY_SIDE := --numprocesses $(WORKERS)
.PHONY: test
test: $(STAMP) ## Every test that needs neither a browser nor Docker
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --dist loadfile $(JUNIT) $(COVERAGE) $(ARGS)

# The service with its compiled parts, as the image has it. In a folder of its own, or changes of the source would go unseen.
COMPILED := build/compiled
$(COMPILED)/.made: $(STAMP) deploy/image/compile.sh $(shell find frontdesk -type f | grep -v __pycache__)
	@echo "Compiling what a search goes through (half a minute) ..."
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)
	@cp -R frontdesk $(COMPILED)/
	@sh deploy/image/compile.sh $(COMPILED) $(CURDIR)/$(BIN)/python
	@touch $@
# Before what was installed, and instead of what lies in the folder.
AS_COMPILED := PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(COMPILED):$(CURDIR)

.PHONY: test-compiled
test-compiled: $(COMPILED)/.made ## Tests of what is compiled for the image (needs a C compiler)
	$(AS_COMPILED) $(BIN)/python -m pytest -o pythonpath="$(COMPILED) ." -m "compiled or not compiled" $(SIDE_BY_SIDE) \
		--dist loadfile $(JUNIT) $(ARGS) \
		tests/test_compiled.py tests/accounts/test_names.py tests/accounts/test_search.py tests/accounts/test_lookups.py \
		tests/accounts/test_search_concurrency.py tests/store/test_people.py tests/api/test_people.py \
		tests/web/test_people_pages.py

.PHONY: test-browser
test-browser: $(STAMP) node_modules/.installed ## Journeys through the pages in Chromium
	$(BIN)/python -m pytest -m browser $(JUNIT) $(ARGS)

.PHONY: test-pipeline
test-pipeline: $(STAMP) node_modules/.installed ## Run the Jenkinsfile stage by stage, without a Jenkins (needs Java, Maven)
	$(BIN)/python -m pytest -m pipeline $(JUNIT) $(ARGS)

node_modules/.installed: package-lock.json
	npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: test-agent
test-agent: $(STAMP) ## Build the Jenkins agent's image and log into it (needs Docker; minutes)
	$(BIN)/python -m pytest -m agent --timeout 1500 $(JUNIT) $(ARGS)

.PHONY: setup
setup: $(STAMP) $(DEPLOY)/.installed node_modules/.installed ## Install what the other targets need

# --- Images ---
# As Compose takes it: from the environment, else from .env.
VERSION ?= $(or $(shell sed -n 's/^VERSION=//p' .env 2>/dev/null | tr -d '"'),dev)
export VERSION
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)
# The one date in an image; with it, the same commit gives the same image, byte for byte.
BUILD = SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1577836800) docker build --quiet \
	--build-arg SOURCE_DATE_EPOCH --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION)
export BUILDX_NO_DEFAULT_ATTESTATIONS = 1

.PHONY: image
image: ## Build the images frontdesk, -edge, -db and -goss: make image VERSION=1.2.3
	@for target in service edge db goss; do \
		name=frontdesk-$$target:$(VERSION); name=$$(echo $$name | sed s/-service//); \
		id=$$($(BUILD) --target $$target --tag $$name .) || exit 1; \
		docker image inspect --format '{{.Size}}' $$name | \
			awk -v name=$$name -v id=$$id '{ printf "%-24s %5.1f MB  %s\n", name, $$1 / 1e6, id }'; \
	done

.PHONY: sbom
sbom: ## Write the image's bill of materials (CycloneDX) to dist/
	@$(BUILD) --target sbom --output dist . && ls dist/*.cdx.json

.PHONY: wheel
wheel: ## Build the wheel into dist/
	@$(BUILD) --target wheel --output dist . && ls dist/*.whl

.PHONY: goss
goss: ## Check the running stack and its images with Goss
	@deploy/goss/compose.sh $(ARGS)

.PHONY: backup
backup: ## Copy the running stack's database to a file in backups/
	@deploy/postgres/compose.sh backup

.PHONY: restore
restore: ## Make the stack's database from a backup: make restore FILE=backups/…
	@deploy/postgres/compose.sh restore "$(FILE)"

# Both tell what people noticed; docs/reliability.md is made of it. E2E_REPORTS=FOLDER keeps every figure.
.PHONY: e2e-compose
e2e-compose: $(STAMP) ## Kill and scale parts of the stack under load, in a Docker project of its own
	$(BIN)/python -m pytest -m e2e --durations=5 $(JUNIT) $(ARGS)

.PHONY: e2e-compose-long
e2e-compose-long: $(STAMP) ## Full disks, slow and idle clients, lost volumes: 10 minutes
	$(BIN)/python -m pytest -m e2e_long --durations=5 $(ARGS)

.PHONY: test-docker
test-docker: $(STAMP) $(DEPLOY)/.installed ## Tests of images, edge and checks in Docker
	$(BIN)/python -m pytest -m docker $(JUNIT) $(ARGS)

$(DEPLOY)/.installed: requirements-deploy.txt | $(STAMP)
	@test -x $(DEPLOY)/bin/python || $(BIN)/python -m venv $(DEPLOY)
	@$(DEPLOY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-deploy.txt
	@touch $@

.PHONY: lint-deploy
lint-deploy: $(STAMP) $(DEPLOY)/.installed ## Lint Dockerfile, scripts, compose.yaml and the edge's configuration
	$(DEPLOY)/bin/hadolint Dockerfile deploy/jenkins/*/Dockerfile
	$(DEPLOY)/bin/shellcheck .ci/run $$(git ls-files '*.sh' '*.envsh')
	$(DEPLOY)/bin/compose-lint check --quiet --skip-suppressed --fail-on low --strict-config compose.yaml
	$(DEPLOY)/bin/compose-lint check --quiet --skip-suppressed --fail-on low --strict-config \
		--config deploy/jenkins/compose-lint.yml deploy/jenkins/compose.yaml
	@$(BUILD) --target edge --tag frontdesk-edge:$(VERSION) . >/dev/null
	@# The configuration names a certificate, and counts its connections by a usual Docker's limit of files.
	@$(BIN)/frontdesk secrets build/lint >/dev/null
	@for tls in on off; do \
		docker run --rm --network none --volume $(CURDIR)/build/lint/edge:/run/secrets:ro --env EDGE_TLS=$$tls \
			--env EDGE_FILES=65536 --env NGINX_LOCAL_RESOLVERS=127.0.0.11 frontdesk-edge:$(VERSION) \
			nginx -T -q -c /tmp/nginx.conf >build/lint/tls-$$tls.conf || exit 1; \
		echo $(DEPLOY)/bin/gixy --level build/lint/tls-$$tls.conf; \
		$(DEPLOY)/bin/gixy --level - <build/lint/tls-$$tls.conf || exit 1; \
	done

KUBERNETES := .venv-kubernetes
$(KUBERNETES)/.installed: requirements-kubernetes.txt | $(STAMP)
	@test -x $(KUBERNETES)/bin/python || $(BIN)/python -m venv $(KUBERNETES)
	@$(KUBERNETES)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-kubernetes.txt
	@touch $@

.PHONY: check-kubernetes
check-kubernetes: $(STAMP) $(KUBERNETES)/.installed ## Check the manifests for Kubernetes; needs kubectl, but no cluster
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --dist worksteal -m kustomize tests/kubernetes $(JUNIT) $(ARGS)

# How images get to the cluster's nodes, such as LOAD_IMAGES="kind load docker-image"; empty: they're there already.
export LOAD_IMAGES
.PHONY: e2e-kubernetes
e2e-kubernetes: $(STAMP) ## Manifests and controller in the cluster of KUBECONFIG: make image, then this
	$(BIN)/python -m pytest -m kubernetes tests/kubernetes $(JUNIT) $(ARGS)

.PHONY: e2e-kubernetes-long
e2e-kubernetes-long: $(STAMP) ## The same, what takes minutes each: backups, faults, nodes that are drained and killed
	$(BIN)/python -m pytest -m "kubernetes_long or kubernetes_faults" -s tests/kubernetes $(JUNIT) $(ARGS)

.PHONY: scan-secrets
scan-secrets: node_modules/.installed ## Look for secrets in what is, or would be, in a commit
	@git ls-files -z --cached --others --exclude-standard | xargs -0 node_modules/.bin/secretlint --no-glob --maskSecrets
	@echo "No secret in $$(git ls-files --cached --others --exclude-standard | wc -l) files."

.PHONY: audit
audit: $(DEPLOY)/.installed ## Ask PyPI for advisories on what the image has; UNAUDITED=accepted where it has none
	@$(DEPLOY)/bin/python scripts/audit.py

.PHONY: lint-jenkins
lint-jenkins: node_modules/.installed ## Lint the Jenkinsfile and its harness (needs Java)
	@rm -rf build/lint-jenkins && mkdir -p build/lint-jenkins
	@# In a folder of their own: the linter walks the whole tree below, environments and all.
	@cp Jenkinsfile .groovylintrc.json tests/jenkins/*.groovy build/lint-jenkins/
	@cd build/lint-jenkins && ../../node_modules/.bin/npm-groovy-lint --noserver --failon info Jenkinsfile '*.groovy' </dev/null

# --- A Jenkins of one's own: docs/jenkins.md ---
JENKINS := docker compose --file deploy/jenkins/compose.yaml

.PHONY: jenkins-secrets
jenkins-secrets: ## Make the keys and the password of a Jenkins of one's own where they aren't yet
	@deploy/jenkins/secrets.sh

.PHONY: jenkins-up
jenkins-up: jenkins-secrets ## Start a Jenkins for a repository: make jenkins-up REPOSITORY=https://git.example.org/frontdesk.git
	@$(JENKINS) up --build --detach --wait --wait-timeout 600
	@$(JENKINS) ps --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'
	@echo "http://localhost:$${JENKINS_PORT:-8090}: user admin, password in deploy/jenkins/secrets/admin_password"

.PHONY: jenkins-plugins
jenkins-plugins: ## Bring the pins in deploy/jenkins/controller/plugins.txt up to what the update centre has
	@deploy/jenkins/update-plugins.sh

# --- From an image to where it runs: what is told by the environment is in deploy/delivery.py and docs/releasing.md ---
.PHONY: push
push: $(STAMP) ## Bring the images to a registry: make push VERSION=1.2.3 REGISTRY=registry.example.org
	@$(BIN)/python -m deploy.delivery push

.PHONY: deploy
deploy: $(STAMP) ## Deploy and check: make deploy ENGINE=swarm VERSION=1.2.3 PUBLIC_URL=https://accounts.example.org
	@$(BIN)/python -m deploy.delivery deploy

.PHONY: deploy-kubernetes
deploy-kubernetes: $(STAMP) ## Bring a version to the cluster: make deploy-kubernetes VERSION=1.2.3 OVERLAY=folder [REGISTRY=…]
	@$(BIN)/python -m deploy.kubernetes.deploy $(VERSION)

.PHONY: verify
verify: $(STAMP) ## Check from outside what was deployed: make verify VERSION=1.2.3 PUBLIC_URL=https://accounts.example.org
	@$(BIN)/python -m deploy.delivery verify

.PHONY: rollback
rollback: $(STAMP) ## Deploy what ran before the last `make deploy`: make rollback ENGINE=swarm VERSION=1.2.3
	@$(BIN)/python -m deploy.delivery rollback

.PHONY: release
release: $(STAMP) ## Build this version's wheel, images, bill of materials, checksums and provenance into dist/
	@$(BIN)/python -m scripts.release

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
docs: $(STAMP) ## Write the generated pages (docs/settings.md, docs/kubernetes-resource.md)
	$(BIN)/python scripts/settings_page.py
	$(BIN)/python scripts/resource_page.py

# With their extras: without them pip, which is told to take only what has a hash, looks for newer versions of such a package.
LOCK := --quiet --universal --no-strip-extras --generate-hashes --no-annotate --no-header --python-version 3.11
.PHONY: lock
lock: $(STAMP) ## Pin every dependency anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra operator -o requirements.txt
	$(BIN)/uv pip compile $(LOCK) --group build -o requirements-build.txt
	$(BIN)/uv pip compile $(LOCK) --group deploy -o requirements-deploy.txt
	$(BIN)/uv pip compile $(LOCK) --group kubernetes -o requirements-kubernetes.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra local --extra operator --group dev --constraint requirements.txt \
		-o requirements-dev.txt

.PHONY: secrets
secrets: ## Make the passwords and the certificate of the stack where they aren't yet (compose.yaml does so too)
	docker compose run --rm --no-deps secrets

.PHONY: certificate
certificate: ## Give the running edge another certificate: make certificate CERTIFICATE=fullchain.pem KEY=privkey.pem
	@test -r "$(CERTIFICATE)" && test -r "$(KEY)" || { echo "Say which: make certificate CERTIFICATE=fullchain.pem KEY=privkey.pem"; exit 2; }
	@cat "$(CERTIFICATE)" "$(KEY)" | docker compose run --rm --no-deps -T secrets secrets /secrets --certificate-stdin
	docker compose kill --signal HUP edge

.PHONY: swarm-secrets
swarm-secrets: $(STAMP) ## Make the passwords and a certificate in the swarm where they aren't yet
	@$(BIN)/python -m deploy.swarm.new_secrets

.PHONY: swarm-certificate
swarm-certificate: $(STAMP) ## Put another certificate into the swarm: make swarm-certificate CERTIFICATE=… KEY=…
	@test -n "$(CERTIFICATE)" && test -n "$(KEY)" || { echo "Say which: make swarm-certificate CERTIFICATE=fullchain.pem KEY=privkey.pem"; exit 2; }
	@$(BIN)/python -m deploy.swarm.new_secrets "$(CERTIFICATE)" "$(KEY)"

.PHONY: deploy-swarm
deploy-swarm: $(STAMP) ## Bring a version to the swarm, or back: make deploy-swarm VERSION=1.2.3 [REGISTRY=…] (docs/swarm.md)
	@$(BIN)/python -m deploy.swarm.deploy "$(VERSION)"

.PHONY: e2e-swarm
e2e-swarm: $(STAMP) ## Change versions on a swarm under load, good ones and bad ones
	$(BIN)/python -m pytest -m swarm tests/swarm $(ARGS)

.PHONY: e2e-swarm-nodes
e2e-swarm-nodes: $(STAMP) ## The same and more, with nodes that are killed and cut off: 15 minutes
	$(BIN)/python -m pytest -m "swarm or swarm_nodes" tests/swarm $(ARGS)

.PHONY: e2e-delivery
e2e-delivery: $(STAMP) ## Push, deploy, verify and roll back on a swarm, by make and by the Jenkinsfile: 10 minutes (needs Java)
	$(BIN)/python -m pytest -m swarm_delivery tests/swarm $(JUNIT) $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Measure, and print each figure beside its bare limit
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-smoke
bench-smoke: $(STAMP) ## Measure for half a minute; fail if it got slower than this machine was before
	@$(BIN)/python -m bench.smoke $(ARGS)

.PHONY: bench-peers
bench-peers: $(STAMP) ## Measure beside fastapi-users, PocketBase and Keycloak
	$(BIN)/python -m bench.peers $(ARGS)

# How many people the search is measured with; several sizes make a table.
N ?= 10000 100000
.PHONY: bench-search
bench-search: $(COMPILED)/.made ## Measure search as the image has it: make bench-search N="100000 1000000"
	$(AS_COMPILED) $(BIN)/python -m bench.search $(N) $(ARGS)

.PHONY: bench-import
bench-import: $(COMPILED)/.made ## Measure imports as the image has them, and searches meanwhile
	$(AS_COMPILED) $(BIN)/python -m bench.importing $(ARGS)

.PHONY: bench-tuning
bench-tuning: $(STAMP) ## Measure what the settings of nginx and PostgreSQL are worth (needs Docker)
	$(BIN)/python -m bench.tuning $(ARGS)

.PHONY: clean
clean: ## Remove what was made here, but not .frontdesk, which holds data
	rm -rf $(VENV) $(DEPLOY) .venv-kubernetes node_modules build dist test-results .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
