# `make` builds the environment once, then trains, exports and measures on the embedded corpus.
# Every name below can be overridden: make train CORPUS=news ROOT=/data/news RECIPE=my.toml

CORPUS ?= signsynth
ROOT   ?= data/$(CORPUS)
# The recipe of a student that learns from the first run as well: make TAUGHT=signsynth-kd. Everything after it is the student's.
# `make distilled` is that with a first run that reads video.
TAUGHT ?=
RUN    ?= runs/$(CORPUS)$(if $(TAUGHT),-taught)
FIRST  ?= $(if $(TAUGHT),runs/$(CORPUS),$(RUN))
RECIPE ?= $(if $(wildcard tf_slr/recipes/$(CORPUS).toml),$(CORPUS),default)
FIRST_RECIPE ?= $(RECIPE)
BUNDLE ?= $(RUN)/bundle
# The corrector learns from what runs on parts of the training data made of the rest; make CORRECTOR= leaves it out.
CORRECTOR ?= $(RUN)-corrector
FOLDS     ?= $(FIRST)-folds
# What these runs lack is errors, not training.
FOLD_SET  ?= $(if $(filter signsynth,$(CORPUS)),training.epochs=10)
# For the tables of the papers, whose teacher reads video: make table4 SEEDS=1 SET=training.epochs=6
# Table 4 also tells what a corrector makes of its sentences: make table4 CORRECTED=DIR
FILMED    ?= $(ROOT)$(if $(filter signsynth,$(CORPUS)),-filmed)
STUDENT   ?= $(RECIPE)
DISTILLED ?= $(RECIPE)-kd-video
TEACHER   ?= $(RECIPE)-teacher
LRINET    ?= $(RECIPE)-crkd
CORRECTED ?=
SEEDS     ?= 3
# Runs of tables at once.
JOBS      ?= 1
SET       ?=
# Of the tests.
PROCESSES ?= 2
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(if $(shell command -v $(name)),$(name))))

VENV   := .venv
READY  := $(VENV)/ready
BIN    := $(VENV)/bin
# The file of a recipe, and those of the recipes that it extends.
recipe_file = $(foreach file,$(wildcard $(1) tf_slr/recipes/$(1).toml),$(file) $(call recipe_file,$(call extended,$(file))))
extended = $(shell sed -n 's/^extends *= *"\(.*\)"/\1/p' $(1))
RIVALS := .venv-rivals
SMOKE  := runs/smoke

TABLES := table1 table4 table6 table7 crkd

.PHONY: all train tflite-int8 bench bench-rivals distilled tables $(TABLES) smoke test test-slow lint clean

all: train tflite-int8 bench

distilled:
	$(MAKE) all ROOT=$(FILMED) FILMED=$(FILMED) RUN=runs/$(CORPUS)-distilled TAUGHT=$(DISTILLED) FIRST=runs/$(CORPUS)-teacher \
	    FIRST_RECIPE=$(TEACHER) FOLDS=runs/$(CORPUS)-distilled-folds

train: $(RUN)/summary.json
tflite-int8: $(BUNDLE)/bundle.json

# Modules are compiled here: where PYTHONDONTWRITEBYTECODE is set it would be done anew by every process that loads them.
$(READY): requirements.lock setup.cfg
	@$(if $(PYTHON),,echo "error: no python3 found; Python 3.11 or 3.12 is needed" >&2; exit 1)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else "error: $(PYTHON) is Python %d.%d; Python 3.11 or 3.12 is needed, because MediaPipe and TensorFlow 2.19 have no wheels for others (make PYTHON=/path/to/python3.11)" % v)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

ifeq ($(CORPUS),signsynth)
ifneq ($(ROOT),$(FILMED))
$(ROOT)/corpus.toml: | $(READY)
	$(BIN)/tf-slr prepare signsynth --out $(ROOT)
endif

$(FILMED)/corpus.toml: | $(READY)
	$(BIN)/tf-slr prepare signsynth --train 4800 --frame-size 128 --gloves --out $(FILMED)
else
$(ROOT)/corpus.toml:
	@echo "error: $(ROOT) holds no corpus; make one with 'tf-slr prepare' (see README.md), or give ROOT=FOLDER" >&2; exit 1
endif

$(FIRST)/summary.json: $(ROOT)/corpus.toml $(call recipe_file,$(FIRST_RECIPE)) | $(READY)
	$(BIN)/tf-slr train --corpus $(ROOT) --run $(FIRST) --recipe $(FIRST_RECIPE)

ifneq ($(FIRST),$(RUN))
$(RUN)/summary.json: $(FIRST)/summary.json $(call recipe_file,$(TAUGHT)) | $(READY)
	$(BIN)/tf-slr train --corpus $(ROOT) --run $(RUN) --recipe $(TAUGHT) --teacher $(FIRST)
endif

$(FOLDS)/train.jsonl: $(ROOT)/corpus.toml $(call recipe_file,$(RECIPE)) | $(READY)
	$(BIN)/tf-slr crossfit --corpus $(ROOT) --out $(FOLDS) --recipe $(RECIPE) $(addprefix --set ,$(FOLD_SET))

$(RUN)/dev.npz: $(RUN)/summary.json | $(READY)
	$(BIN)/tf-slr evaluate --run $(RUN) --split dev --logits $@

$(CORRECTOR)/corrector.json: $(FOLDS)/train.jsonl $(RUN)/dev.npz | $(READY)
	$(BIN)/tf-slr train-corrector --corpus $(ROOT) --evidence $(FOLDS)/train.jsonl --dev $(RUN)/dev.npz \
	    --out $(CORRECTOR) --recipe corrector-evidence

$(BUNDLE)/bundle.json: $(RUN)/summary.json $(if $(CORRECTOR),$(CORRECTOR)/corrector.json) | $(READY)
	$(BIN)/python -m export --run $(RUN) --out $(BUNDLE) $(if $(CORRECTOR),--corrector $(CORRECTOR))

bench: $(BUNDLE)/bundle.json
	$(BIN)/python tools/bench.py --run $(RUN) --bundle $(BUNDLE) --out $(RUN)/bench.json
	$(BIN)/python tools/html_report.py --run $(RUN) --bundle $(BUNDLE) --bench $(RUN)/bench.json --out $(RUN)/report.html --json $(RUN)/results.json
	@echo "the bundle as it decodes, student and corrector together:"
	$(BIN)/tf-slr evaluate --bundle $(BUNDLE) --corpus $(ROOT) --split test

# The student in other runtimes, in turns with ours; their packages would break MediaPipe's and TensorFlow's environment.
$(RIVALS)/ready: requirements-rivals.lock
	$(PYTHON) -m venv --clear $(RIVALS)
	$(RIVALS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-rivals: $(BUNDLE)/bundle.json $(RIVALS)/ready
	$(BIN)/python tools/student_weights.py --run $(RUN) --out $(RUN)/weights.npz
	PYTHONPATH=$(CURDIR) $(RIVALS)/bin/python tools/bench_rivals.py --weights $(RUN)/weights.npz --run $(RUN) \
	    --bundle $(BUNDLE) --out $(RUN)/rivals.json

tables: KEYS = $(TABLES:table%=%)
$(TABLES): KEYS = $(@:table%=%)
tables $(TABLES): $(FILMED)/corpus.toml | $(READY)
	$(BIN)/python tools/tables.py --corpus $(FILMED) --out $(RUN)-tables --tables $(KEYS) --seeds $(SEEDS) --jobs $(JOBS) \
	    --student $(STUDENT) --distilled $(DISTILLED) --lrinet $(LRINET) --teacher $(TEACHER) \
	    $(if $(TEACHER_RUN),--teacher-run $(TEACHER_RUN)) $(addprefix --set ,$(SET)) \
	    $(if $(CORRECTED),--corrector $(CORRECTED))

# The whole chain at its smallest, with a WER that proves learning (see tf_slr/recipes/smoke.toml).
smoke: $(READY)
	rm -rf $(SMOKE)
	$(BIN)/tf-slr prepare signsynth --out $(SMOKE)/corpus --train 400 --dev 40 --test 40 --variation 0.3
	$(BIN)/tf-slr train --corpus $(SMOKE)/corpus --run $(SMOKE) --recipe smoke
	$(BIN)/python -m export --run $(SMOKE) --out $(SMOKE)/bundle
	$(BIN)/tf-slr evaluate --bundle $(SMOKE)/bundle --corpus $(SMOKE)/corpus --split test
	$(BIN)/tf-slr recognize --bundle $(SMOKE)/bundle $(SMOKE)/corpus/landmarks/test-00000.npz

# In two halves, each a few minutes: what trains long or starts many processes comes second. A module's tests stay in
# one process, because they share what was costly to make.
test: $(READY)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# What was trained on corpora of one's own stays, and so does what has only a similar name.
clean: MADE = runs/signsynth runs/signsynth-taught runs/signsynth-distilled runs/signsynth-teacher
clean:
	rm -rf $(VENV) $(RIVALS) data/signsynth data/signsynth-filmed $(SMOKE) build *.egg-info .pytest_cache .ruff_cache .hypothesis \
	    $(foreach run,$(MADE),$(run) $(addprefix $(run)-,corrector folds tables))
