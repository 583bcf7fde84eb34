# Hearthwatch: push-button tasks. `make demo` and `make test` install whatever they need first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-done
FUZZER := $(VENV)/.fuzz-done
APT    := dbus mosquitto socat gammu espeak-ng strace
FUZZ_SECONDS ?= 600
# Byte code is kept, whatever the caller's shell says: the tests start hundreds of gateways, and each would compile it all.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo demo-once prompts test test-slow powercut-all crash peers bench bench-rules fuzz test-py313 simulate check clean help

help:            ## this list
	@grep -E '^[a-z0-9-]+: .*##|^[a-z0-9-]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

setup: $(STAMP)  ## install the venv and the apt packages, nothing else

$(STAMP): pyproject.toml .ci/apt
	@bash .ci/apt $(APT)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || bash .ci/apt python3-venv
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --use-pep517 --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: setup      ## a whole home on this machine, live, with keys
	@$(BIN)/hearthwatch demo

demo-once: setup ## the same as a script; exit 0 only if every step held
	@$(BIN)/hearthwatch demo --once

prompts: setup   ## what the elder hears, rendered by espeak-ng into build/prompts (an image is built with it)
	@$(BIN)/hearthwatch prompts render --to build/prompts

test: setup      ## the whole test suite but the slow lanes, two files at a time (wires wait more than they work)
	@$(BIN)/python -m pytest -n 2 --dist loadfile

$(FUZZER): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,fuzz]'
	@touch $@

fuzz: $(FUZZER)  ## every decoder under libFuzzer, 10 minutes each (FUZZ_SECONDS=60 FUZZ_DECODERS="at sms_pdu")
	@$(BIN)/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ_DECODERS)

test-py313: ## the demo and the tests under CPython 3.13, in a Debian 13 of its own (needs root or sudo; 20 min)
	@bash .ci/py313

test-slow: setup ## the slow lanes (about 30 min); brings atheris, Vosk, node, npm and Zigbee2MQTT
	@$(BIN)/python .ci/slow.py

powercut-all: setup ## the slow lane of the power cuts at every system call, none left out (an hour)
	@POWERCUT=all $(BIN)/python -m pytest -s -m slow tests/powercut

crash: setup     ## more than fifty kill -9 in a press-to-delivery flow, and a table of where they fell (6 min)
	@$(BIN)/python -m pytest -m slow -s tests/crash

peers: setup     ## real Zigbee2MQTT on a fake stick (2 min; npm brings it, node and npm are to be there)
	@$(BIN)/python -m pytest -m slow tests/peers

bench: setup     ## one table of figures beside a yardstick's (15 min; BENCH="press idle --quick" for some)
	@$(BIN)/python tests/benchmarks/run.py $(BENCH)

SCORER := .venv-rules
SCORED := $(SCORER)/.scorer-done

$(SCORED): $(STAMP)
	@$(BIN)/python -m venv $(SCORER) && $(SCORER)/bin/python -m pip install --quiet --disable-pip-version-check numpy pandas \
		&& touch $@ || echo "!!!! numpy and pandas could not be installed: the scorers' tables will be missing !!!!"

bench-rules: setup $(SCORED) ## the rules' tables on ../shared/data and what an hour of data costs (RULES="time others --quick")
	@$(BIN)/python tests/benchmarks/bench_rules.py $(RULES)

simulate: setup  ## long simulation: make simulate HOME_DAYS=20000 [FIRST=seed]
	@$(BIN)/python tests/simulation/long_run.py --days $(or $(HOME_DAYS),10000) $(if $(FIRST),--first $(FIRST))

check: setup     ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

clean:           ## remove what setup and tests made
	@rm -rf $(VENV) $(SCORER) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build dist
