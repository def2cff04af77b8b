# Each target makes the virtual environment it needs; nothing else has to be installed.
PYTHON ?= python3
PIP = bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint docs clean
.DELETE_ON_ERROR:

demo: .venv-demo/ready  ## simulate six visits, classify them
	.venv-demo/bin/spacekit svm demo demo

test: .venv-test/ready  ## all tests but those marked slow
	.venv-test/bin/python -m pytest -m "not slow"

lint: .venv-test/ready  ## style and types
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy

docs: .venv-test/ready  ## the site, in site/
	.venv-test/bin/mkdocs build --strict

.venv-demo/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	.venv-demo/$(PIP) --editable ".[simulate]"
	touch $@

.venv-test/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-test
	.venv-test/$(PIP) --editable ".[simulate,train,test,browser,docs,dev]"
	touch $@

clean:
	rm -rf .venv-demo .venv-test demo site
