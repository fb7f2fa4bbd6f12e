# make demo   colorize the example photographs with the shipped model (installs what that needs)
# make test   the whole test suite (installs everything)
# make check  format, lint, types and tests: what a commit must pass

PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv

.PHONY: demo test check format lint types wheel clean

demo: $(DEMO)/installed
	$(DEMO)/bin/colorize-batch examples/photos --out colored
	@echo "Look at the pictures in ./colored"

test: $(DEV)/installed
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest --numprocesses auto --dist loadfile

check: lint types test wheel

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

# the wheel holds the package and nothing else
wheel: $(DEV)/installed
	rm -rf build dist
	$(DEV)/bin/pip wheel --quiet --no-deps --wheel-dir dist .
	$(DEV)/bin/python -c "import glob, zipfile; \
	names = zipfile.ZipFile(glob.glob('dist/*.whl')[0]).namelist(); \
	assert all(n.startswith(('colorize_gan/', 'colorize_gan-')) for n in names), names; \
	assert 'colorize_gan/infer/models/lite2.onnx' in names, names"

# installed as users install it: again whenever the package changed
$(DEMO)/installed: setup.cfg pyproject.toml $(wildcard core/*.py infer/*.py infer/server/*.py infer/video/*.py infer/models/*.onnx)
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/pip install --quiet .
	touch $@

$(DEV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) build dist colored
