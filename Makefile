# STACK=openmmlab (default) or onedl; PYTHON=/path/to/python3.13 to choose the interpreter;
# TASK=detection (default) or segmentation and BACKBONE=heracles (default) or hamsa are what the demo
# trains.
STACK ?= openmmlab
VENV := .venv$(if $(filter onedl,$(STACK)),-onedl)
PY := $(VENV)/bin/python
# Any Python from 3.6 can run the set-up, which then looks for one in range.
BOOT = $(or $(firstword $(foreach name,python3 $(addprefix python3.,11 12 13 10 14),$(shell command -v $(name)))),\
  $(error No Python found: install one of 3.10 to 3.14))
SETUP = $(BOOT) tools/setup_env.py
BACKBONE ?= heracles
TASK ?= detection
DEMO_METHOD = $(or $(DEMO_METHOD_$(TASK)),$(error TASK must be detection or segmentation, not '$(TASK)'))
DEMO_METHOD_detection := mask_rcnn
DEMO_METHOD_segmentation := upernet
DEMO := work_dirs/demo$(if $(filter detection,$(TASK)),,_$(TASK))$(if $(filter heracles,$(BACKBONE)),,_$(BACKBONE))

.PHONY: help env demo test lint docs lock licences audit versions clean

help:
	@echo 'make demo   train Mask R-CNN with a small Heracles on the embedded scenes (about 10 minutes);'
	@echo '            TASK=segmentation for UperNet on their label maps, in work_dirs/demo_segmentation,'
	@echo '            BACKBONE=hamsa for a small HAMSA, in work_dirs/demo_hamsa'
	@echo 'make test   run the tests'
	@echo 'make lint   ruff and mypy'
	@echo 'make docs   build the documentation into site/'
	@echo 'make lock | licences | audit | versions   what is needed: pin it with hashes, list licences,'
	@echo '            look for known holes, try old and new releases (an hour): SECURITY.md'
	@echo 'make env    only make or refresh the environment that the three above use'
	@echo 'make clean  remove the environments and build outputs, keep results'
	@echo 'Options: STACK=onedl for the maintained forks, PYTHON=python3.12 for another interpreter'
	@echo '(3.10 to 3.14).'

env:
	@$(SETUP) --stack '$(STACK)' --python '$(PYTHON)'

demo: env
	$(PY) tools/demo.py configs/$(DEMO_METHOD)_$(BACKBONE)_nano_scenes.py --work-dir $(DEMO)

test: env
	$(PY) -m pytest --numprocesses 2 --dist loadfile --durations 25 $(ARGS)

lint: env
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: env
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo 'site/index.html'

# Tools with dependencies of their own, apart from the environment that they look at.
SUPPLY := .venv-supply
$(SUPPLY)/bin/pip-audit:
	$(BOOT) -m venv $(SUPPLY)
	$(SUPPLY)/bin/pip install --quiet pip-audit==2.10.1 uv==0.13.9

lock: $(SUPPLY)/bin/pip-audit
	$(SUPPLY)/bin/python requirements/lock.py $(SUPPLY)/bin/uv

licences: env
	$(PY) requirements/licences.py

# --strict: a package that the service cannot tell about is an error, and no silent success.
audit: $(SUPPLY)/bin/pip-audit
	$(SUPPLY)/bin/pip-audit --strict --disable-pip --require-hashes $(foreach lock,\
	  $(wildcard requirements/*.txt),--requirement $(lock)) $(ARGS)

versions: env $(SUPPLY)/bin/pip-audit
	PATH="$(CURDIR)/$(SUPPLY)/bin:$$PATH" $(PY) requirements/versions.py $(ARGS)

clean:
	@rm -rf $(SUPPLY) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@$(SETUP) --clean --stack openmmlab; $(SETUP) --clean --stack onedl
