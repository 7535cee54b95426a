# Needs python >= 3.11, make and the package index. What it makes stays in .tools, .venv, .venv-bench.
PYTHON ?= python3
UV_REQUIREMENT := uv>=0.13,<1
UV := .tools/uv/bin/uv
BIN := .venv/bin
STAMP := .venv/.made-from-lock
BENCH_STAMP := .venv-bench/.made-from-lock
SBOM ?= dist/depotd.cdx.json

export UV_PYTHON_DOWNLOADS := never

.PHONY: help demo test soak lint types faults fuzz socket-fuzz power-cuts kills daemon-kills dead-peers guesses lag storm leaks sbom audit env bench lock clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    virtual stations and vehicles charge here, on loopback (ARGS=... for options)"
	@echo "make test    lint, types, import rules and tests (ARGS=... for pytest)"
	@echo "make soak    the daemon under every fault in virtual time: a night (SITE_HOURS=, SEED=)"
	@echo "make faults  the table of docs/reliability.md anew, from the tests"
	@echo "make fuzz    hostile frames by the million (ARGS=\"--frames N --seed S\")"
	@echo "make socket-fuzz, power-cuts, kills, daemon-kills, dead-peers, guesses, lag, storm, leaks"
	@echo "             what else takes minutes to try (ARGS=... for options)"
	@echo "make env     the environment alone, in .venv"
	@echo "make bench   figures beside other planners, in .venv-bench (ARGS=\"tiers --help\")"
	@echo "make sbom    the bill of materials, $(SBOM), in CycloneDX"
	@echo "make audit   known flaws of what is locked, looked up at osv.dev"
	@echo "make lock    uv.lock anew, after a change of dependencies in pyproject.toml"
	@echo "make clean   remove what was made"

demo: env
	$(BIN)/depotd demo $(ARGS)

# asyncio's debug mode reports coroutines that nobody awaited and calls from foreign threads.
test: lint types
	PYTHONASYNCIODEBUG=1 $(BIN)/pytest $(ARGS)

# Ten faults a site-hour; ends with 1 where a limit was exceeded, and says how to see it again.
SITE_HOURS ?= 10000
SEED ?= 1
soak: env
	$(BIN)/depotd simulate --faults all --rate 0.6 --stations 6 \
	    --site-hours $(SITE_HOURS) --seed $(SEED) --jobs 0 $(ARGS)

lint: env
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

faults: env
	$(BIN)/python -m tests.fault_table

# Long runs; the short run of each is among the tests.
fuzz: env
	$(BIN)/python -m tests.trials.fuzz $(ARGS)

socket-fuzz: env
	$(BIN)/python -m tests.trials.socket_fuzz $(ARGS)

power-cuts: env
	$(BIN)/python -m tests.trials.power_cuts $(ARGS)

kills: env
	$(BIN)/python -m tests.trials.kills $(ARGS)

daemon-kills: env
	$(BIN)/python -m tests.trials.daemon_kills $(ARGS)

dead-peers: env
	$(BIN)/python -m tests.trials.dead_peers $(ARGS)

guesses: env
	$(BIN)/python -m tests.trials.guesses $(ARGS)

lag: env
	$(BIN)/python -m tests.trials.lag $(ARGS)

storm: env
	$(BIN)/python -m tests.trials.storm $(ARGS)

leaks: env
	$(BIN)/python -m tests.trials.leaks $(ARGS)

types: env
	$(BIN)/mypy

env: $(STAMP)

bench: $(BENCH_STAMP)
	.venv-bench/bin/python -m benchmarks $(if $(ARGS),$(ARGS),--help)

$(BENCH_STAMP): uv.lock pyproject.toml | $(UV)
	env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv-bench $(UV) sync --frozen --quiet \
	    --group bench --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@touch $@

# An absolute path, so that no other python3 on the PATH is taken for the one that was asked for.
$(STAMP): uv.lock pyproject.toml | $(UV)
	env -u VIRTUAL_ENV $(UV) sync --frozen --quiet \
	    --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@touch $@

# Debian's Python may come without venv, and one that belongs to the system refuses to be installed
# into: a folder of its own is always allowed.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON): wants Python 3.11 or later; say which one: make PYTHON=..." >&2; exit 1; }
	@rm -rf .tools/uv && mkdir -p .tools
	@echo "getting uv for .venv"
	@if $(PYTHON) -m venv .tools/uv >.tools/venv.log 2>&1; then \
	    .tools/uv/bin/python -m pip install --quiet "$(UV_REQUIREMENT)"; \
	else \
	    rm -rf .tools/uv; \
	    $(PYTHON) -m pip install --quiet --target .tools/uv "$(UV_REQUIREMENT)" || \
	        { cat .tools/venv.log; echo "$(PYTHON): has neither venv nor pip" >&2; exit 1; }; \
	fi

# Of what is installed, each package with the hashes that uv.lock pins.
sbom: | $(UV)
	@mkdir -p $(dir $(SBOM))
	$(UV) export --frozen --no-dev --all-extras --quiet --preview-features sbom-export \
	    --format cyclonedx1.5 --output-file $(SBOM)

audit: | $(UV)
	$(UV) audit --frozen --no-dev --preview-features audit

lock: | $(UV)
	$(UV) lock

clean:
	rm -rf .venv .venv-bench .tools
