# `make` builds the environment once, then trains, exports and measures on the embedded corpus.
# Every name below can be overridden: make train CORPUS=news ROOT=/data/news RECIPE=my.toml

CORPUS ?= signsynth
ROOT   ?= data/$(CORPUS)
RUN    ?= runs/$(CORPUS)
RECIPE ?= $(if $(wildcard tf_slr/recipes/$(CORPUS).toml),$(CORPUS),default)
BUNDLE ?= $(RUN)/bundle
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(if $(shell command -v $(name)),$(name))))

VENV   := .venv
READY  := $(VENV)/ready
BIN    := $(VENV)/bin
RECIPE_FILE := $(wildcard $(RECIPE) tf_slr/recipes/$(RECIPE).toml)
SMOKE  := runs/smoke

.PHONY: all train tflite-int8 bench smoke test lint clean

all: train tflite-int8 bench

train: $(RUN)/summary.json
tflite-int8: $(BUNDLE)/bundle.json

$(READY): requirements.lock setup.cfg
	@$(if $(PYTHON),,echo "error: no python3 found; Python 3.11 or 3.12 is needed" >&2; exit 1)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else "error: $(PYTHON) is Python %d.%d; Python 3.11 or 3.12 is needed, because MediaPipe and TensorFlow 2.19 have no wheels for others (make PYTHON=/path/to/python3.11)" % v)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

ifeq ($(CORPUS),signsynth)
$(ROOT)/corpus.toml: | $(READY)
	$(BIN)/tf-slr prepare signsynth --out $(ROOT)
else
$(ROOT)/corpus.toml:
	@echo "error: $(ROOT) holds no corpus; make one with 'tf-slr prepare' (see README.md), or give ROOT=FOLDER" >&2; exit 1
endif

$(RUN)/summary.json: $(ROOT)/corpus.toml $(RECIPE_FILE) | $(READY)
	$(BIN)/tf-slr train --corpus $(ROOT) --run $(RUN) --recipe $(RECIPE)

$(BUNDLE)/bundle.json: $(RUN)/summary.json | $(READY)
	$(BIN)/python -m export --run $(RUN) --out $(BUNDLE)

bench: $(BUNDLE)/bundle.json
	$(BIN)/python tools/bench.py --run $(RUN) --bundle $(BUNDLE) --out $(RUN)/bench.json
	$(BIN)/python tools/report.py --run $(RUN) --bundle $(BUNDLE) --bench $(RUN)/bench.json --out $(RUN)/report

# The whole chain at its smallest, with a WER that proves learning (see tf_slr/recipes/smoke.toml).
smoke: $(READY)
	rm -rf $(SMOKE)
	$(BIN)/tf-slr prepare signsynth --out $(SMOKE)/corpus --train 400 --dev 40 --test 40 --variation 0.3
	$(BIN)/tf-slr train --corpus $(SMOKE)/corpus --run $(SMOKE) --recipe smoke
	$(BIN)/python -m export --run $(SMOKE) --out $(SMOKE)/bundle
	$(BIN)/tf-slr evaluate --bundle $(SMOKE)/bundle --corpus $(SMOKE)/corpus --split test
	$(BIN)/tf-slr recognize --bundle $(SMOKE)/bundle $(SMOKE)/corpus/landmarks/test-00000.npz

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) data/signsynth runs build *.egg-info .pytest_cache .ruff_cache .hypothesis
