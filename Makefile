# STACK=openmmlab (default) or onedl; PYTHON=/path/to/python3.11 to choose the interpreter;
# BACKBONE=heracles (default) or hamsa is what the demo trains.
STACK ?= openmmlab
VENV := .venv$(if $(filter onedl,$(STACK)),-onedl)
PY := $(VENV)/bin/python
# Any Python from 3.6 can run the set-up, which then looks for one in range.
BOOT = $(or $(firstword $(foreach name,python3 $(addprefix python3.,11 12 10),$(shell command -v $(name)))),\
  $(error No Python found: install 3.10, 3.11 or 3.12))
SETUP = $(BOOT) tools/setup_env.py
BACKBONE ?= heracles
DEMO := work_dirs/demo$(if $(filter heracles,$(BACKBONE)),,_$(BACKBONE))

.PHONY: help env demo test lint docs clean

help:
	@echo 'make demo   train Mask R-CNN with a small Heracles on the embedded scenes (about 10 minutes);'
	@echo '            BACKBONE=hamsa for a small HAMSA, in work_dirs/demo_hamsa'
	@echo 'make test   run the tests'
	@echo 'make lint   ruff and mypy'
	@echo 'make docs   build the documentation into site/'
	@echo 'make env    only make or refresh the environment that the three above use'
	@echo 'make clean  remove the environments and build outputs, keep results and the wheel cache'
	@echo 'Options: STACK=onedl for the maintained forks, PYTHON=python3.12 for another interpreter,'
	@echo 'FORCE_CUDA=1 to insist on CUDA ops, HERACLES_WHEELS=folder with ready mmcv wheels.'

env:
	@$(SETUP) --stack '$(STACK)' --python '$(PYTHON)'

demo: env
	$(PY) tools/demo.py configs/mask_rcnn_$(BACKBONE)_nano_scenes.py --work-dir $(DEMO)

test: env
	$(PY) -m pytest $(ARGS)

lint: env
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: env
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo 'site/index.html'

clean:
	@$(SETUP) --clean
