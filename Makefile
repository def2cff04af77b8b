# Each target makes the virtual environment it needs; nothing else has to be installed.
PYTHON ?= python3
PIP = bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint docs drizzlepac-env clean
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

drizzlepac-env: .venv-drizzlepac/ready  ## an interpreter for the real pipeline: drizzlepac

.venv-demo/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	.venv-demo/$(PIP) --editable ".[simulate]"
	touch $@

.venv-test/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-test
	.venv-test/$(PIP) --editable ".[simulate,train,test,browser,docs,dev]"
	touch $@

# drizzlepac 3.11.0 admits photutils 3 and breaks on it
.venv-drizzlepac/ready: Makefile
	$(PYTHON) -m venv .venv-drizzlepac
	.venv-drizzlepac/$(PIP) "drizzlepac==3.11.0" "photutils==2.3.*"
	touch $@

clean:
	rm -rf .venv-demo .venv-test .venv-drizzlepac demo site
