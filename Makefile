# STACK=openmmlab (default) or onedl; PYTHON=/path/to/python3.11 to choose the interpreter;
# TASK=detection (default) or segmentation and BACKBONE=heracles (default) or hamsa are what the demo
# trains.
STACK ?= openmmlab
VENV := .venv$(if $(filter onedl,$(STACK)),-onedl)
PY := $(VENV)/bin/python
# Any Python from 3.6 can run the set-up, which then looks for one in range.
BOOT = $(or $(firstword $(foreach name,python3 $(addprefix python3.,11 12 10),$(shell command -v $(name)))),\
  $(error No Python found: install 3.10, 3.11 or 3.12))
SETUP = $(BOOT) tools/setup_env.py
BACKBONE ?= heracles
TASK ?= detection
DEMO_METHOD = $(or $(DEMO_METHOD_$(TASK)),$(error TASK must be detection or segmentation, not '$(TASK)'))
DEMO_METHOD_detection := mask_rcnn
DEMO_METHOD_segmentation := upernet
DEMO := work_dirs/demo$(if $(filter detection,$(TASK)),,_$(TASK))$(if $(filter heracles,$(BACKBONE)),,_$(BACKBONE))

.PHONY: help env demo test lint clean

help:
	@echo 'make demo   train Mask R-CNN with a small Heracles on the embedded scenes (about 10 minutes);'
	@echo '            TASK=segmentation for UperNet on their label maps, in work_dirs/demo_segmentation,'
	@echo '            BACKBONE=hamsa for a small HAMSA, in work_dirs/demo_hamsa'
	@echo 'make test   run the tests'
	@echo 'make lint   ruff and mypy'
	@echo 'make env    only make or refresh the environment that the three above use'
	@echo 'make clean  remove the environments and build outputs, keep results and the wheel cache'
	@echo 'Options: STACK=onedl for the maintained forks, PYTHON=python3.12 for another interpreter,'
	@echo 'FORCE_CUDA=1 to insist on CUDA ops, HERACLES_WHEELS=folder with ready mmcv wheels.'

env:
	@$(SETUP) --stack '$(STACK)' --python '$(PYTHON)'

demo: env
	$(PY) tools/demo.py configs/$(DEMO_METHOD)_$(BACKBONE)_nano_scenes.py --work-dir $(DEMO)

test: env
	$(PY) -m pytest $(ARGS)

lint: env
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

clean:
	@$(SETUP) --clean
