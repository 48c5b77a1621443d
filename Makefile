# make search       search hyperparameters on the built-in data
# make ablations    run the arms of Table 4 at smoke size and write tables and a report
# make test         run the quick tests
# make test-slow    run the long tests
# make test-cluster run searches on four hosts in network namespaces, and on Slurm if installed; needs root on Linux
# make lint         check format, lint and types
# make pose         install the pose estimator that `amc.data prepare folder` uses
# make clean        remove the environments and caches
#
# All targets except pose and clean install into .venv first, if needed. Requires Python 3.11 to 3.13 (pose: 3.11, 3.12).
#   make search ARGS='--trials 4 --preset smoke'    pass arguments to the command
#   make test PYTHON=python3.12                     use another interpreter
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# One test process per core; `make test ARGS='-n 0'` runs them in one process, for a debugger or `-s`.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
STAMP := $(VENV)/.installed
POSE := .venv-pose

.DEFAULT_GOAL := help
.PHONY: help search ablations test test-slow test-cluster lint pose clean

help:
	@sed -n '1,/^PYTHON/s/^#  *//p' Makefile

# pip runs again when pyproject.toml changes. The stamp is written last, so an interrupted installation is repeated.
$(STAMP): pyproject.toml
	@$(call check_python,3.11 to 3.13,(3, 11) <= v < (3, 14))
	@$(BIN)/python -c pass 2>/dev/null || $(call make_venv,$(VENV))
	@echo "installing into $(VENV) (once; again when pyproject.toml changes)"
	@$(BIN)/python -m pip install $$([ -t 1 ] || echo --quiet) --disable-pip-version-check --editable '.[dev]'
	@touch $@

search: $(STAMP)
	$(BIN)/python tuning/run_search.py --dataset natops $(ARGS)

ablations: $(STAMP)
	$(BIN)/python ablations/run_all.py --preset smoke $(ARGS)

test: $(STAMP)
	$(PYTEST) $(ARGS)

test-slow: $(STAMP)
	$(PYTEST) -m slow $(ARGS)

# Two processes, whatever the number of cores: these tests mostly wait.
test-cluster: $(STAMP)
	$(PYTEST) -n 2 -m cluster $(ARGS)

lint: $(STAMP)
	.ci/lint $(BIN)/python

# The pose estimator requires older versions of numpy and protobuf, so it has an environment of its own.
pose: $(POSE)/.installed

$(POSE)/.installed: Makefile
	@$(call check_python,3.11 or 3.12,(3, 11) <= v < (3, 13))
	@$(POSE)/bin/python -c pass 2>/dev/null || $(call make_venv,$(POSE))
	@$(POSE)/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==0.10.21
	@# mediapipe's OpenCV needs the system's libGL, which servers lack; the headless build does not.
	@$(POSE)/bin/python -m pip uninstall --quiet --yes opencv-contrib-python
	@$(POSE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps opencv-contrib-python-headless==4.11.0.86
	@$(POSE)/bin/python -I amc/importing/pose/mediapipe_worker.py </dev/null >/dev/null
	@touch $@

clean:
	rm -rf $(VENV) $(POSE) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# $(call check_python,VERSIONS,CONDITION ON v): one line and exit 2 if $(PYTHON) is another version.
check_python = $(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if $(2) else 3)' 2>/dev/null || { \
  found=$$($(PYTHON) --version 2>&1) || found="not found"; \
  echo "error: Python $(1) is needed, but $(PYTHON) is $$found: run make with PYTHON=python3.12, for example" >&2; \
  exit 2; }

# $(call make_venv,FOLDER): a new environment, or one line and exit 2.
make_venv = $(PYTHON) -m venv --clear $(1) || { rm -rf $(1); \
  echo "error: $(PYTHON) cannot create a virtual environment: install its venv module (Debian: python3-venv)" >&2; \
  exit 2; }
