# The only commands of the book. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
BUILD := $(RUN) -m bookbuild
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
export REPLAY

.PHONY: help env system book html pdf epub test lint study chapter serve binder-check clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## ?/\1\t/' | expand -t 14

book: env system  ## build the whole book: execute what changed, then the site (_build/html), the PDF and the EPUB
	@$(BUILD) book

html: env  ## build the site only
	@$(BUILD) html

pdf: env system  ## build the PDF only (_build/pdf)
	@$(BUILD) pdf

epub: env  ## build the EPUB only (_build/epub)
	@$(BUILD) epub

test: env system  ## lint, package tests, then the tests of the built book (built first if it is stale)
	@$(BUILD) book
	@$(MAKE) --no-print-directory lint
	@$(RUN) -m pytest tests -n 2 --dist loadscope

lint: env  ## check code style, spelling and the book's own rules
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(VENV)/bin/codespell && $(BUILD) check

study: env  ## run a chapter's long studies again: make study NAME=training/hyperparameter-tuning
	@$(BUILD) study "$(NAME)"

chapter: env  ## write the three files of a new chapter: make chapter PART=training NAME=transfer-learning
	@$(BUILD) chapter "$(PART)" "$(NAME)"

serve: env  ## read the site at http://127.0.0.1:8000, rebuilt and reloaded as you write
	@$(BUILD) serve

binder-check: env  ## run the book as Binder does, in a fresh environment and JupyterLab: all of it, or PAGE=book/back/data (KEEP=1 keeps it)
	@$(BUILD) binder-check $(if $(PAGE),--page "$(PAGE)") $(if $(KEEP),--keep)

clean:  ## remove everything that a build made (the environment stays)
	@rm -rf _build && find figures -mindepth 1 -not -name README.md -delete

env: $(READY)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { echo "error: the book needs Python 3.11, and $(PYTHON) is $$($(PYTHON) --version 2>&1): install it, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "environment: installing the pinned packages into $(VENV)"
	@[ -x $(RUN) ] || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt -e . 2>$(VENV)/pip.log || { cat $(VENV)/pip.log >&2; exit 1; }
	@$(RUN) -m pip check --disable-pip-version-check
	@touch $@

# TeX, Java and Chromium come from the system's packages: installed where that needs no password, named by the build where it does.
system: env
	@$(BUILD) system
