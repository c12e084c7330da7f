# Two commands: `make site` and `make test`. The others are for people who write.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: site test serve run lock clean lint check verify
.DELETE_ON_ERROR:

site: .venv/ready  ## check the runs, execute stale posts, build the site into site/
	$(BIN)/blog site

test: .venv/ready  ## everything that CI runs
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/blog check
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

serve: .venv/ready  ## live preview of the pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

run: .venv/ready  ## execute every post again, even if it is fresh
	$(BIN)/blog run --force

verify: .venv/ready  ## execute every post beside the accepted runs, and compare
	$(BIN)/blog run --verify

lock: .venv/ready  ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header \
		--no-emit-index-url --all-extras --upgrade pyproject.toml --output-file requirements.lock

clean:  ## remove what was built; accepted runs stay
	rm -rf .venv .blog site .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv comes from the lock like everything else; it installs the rest in seconds where pip needs minutes.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 12) else \
	f"python3 is {v[0]}.{v[1]}, and 3.12 or newer is needed: install it, or run make PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv --clear .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
