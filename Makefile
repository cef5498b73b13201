# Everything runs in .venv, made once and reused; constraints.txt pins what was tested.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
PEERS := .venv/peers/.installed
DOCS := .venv/.docs
GALLERY ?= 1

.PHONY: compare test test-all lint bench bench-gpu docs record clean

compare: $(READY)  ## the main job: every memory on real digits
	@echo "== comparing memories on scikit-learn's digits (about half a minute)"
	$(BIN)/bridges compare --data digits --jobs 2 --out results/compare

test: $(READY)  ## the fast tests
	@echo "== running the tests"
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto

test-all: $(READY)  ## the slow physics checks too, and the lines that no test runs
	$(BIN)/python -m pytest --numprocesses auto --cov --cov-report term

lint: $(READY)  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY) $(PEERS)  ## speed, as ratios measured in one run
	$(BIN)/python tests/bench .venv/peers/bin/python

bench-gpu: $(READY)  ## the same on a GPU, against its own rate of products
	$(BIN)/python -m pytest -m gpu tests/fuzz/test_devices.py
	$(BIN)/python tests/bench/gpu.py

docs: $(DOCS)  ## the pages; GALLERY=0 leaves out the figures, which run every study
	@echo "== building docs/_build/html (a minute or two per study the first time; resumes)"
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -D gallery_run=$(GALLERY) docs docs/_build/html
	@echo "open docs/_build/html/index.html"

record: $(READY)  ## the paper preset of STUDY, kept in docs/records; goes on where it was stopped
	$(BIN)/python docs/record.py $(STUDY)

clean:
	rm -rf .venv build *.egg-info docs/_build docs/api docs/figures

$(READY): pyproject.toml constraints.txt
	@echo "== making .venv and installing what constraints.txt names (a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $(READY)

$(DOCS): $(READY)
	@echo "== installing what builds the documentation"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $(DOCS)

$(PEERS): $(READY)
	@echo "== installing the libraries to compare with, in an environment of their own"
	$(PYTHON) -m venv .venv/peers
	.venv/peers/bin/python -m pip install --quiet hopfieldkit==0.1.0 hopfieldnetwork==1.0.1 dhnn==0.1.12 canns==1.5.0
	.venv/peers/bin/python -m pip install --quiet --constraint constraints.txt . azula==0.11.1 diffusers==0.42.1 scikit-dimension==0.5.0 smalldiffusion==0.5.0 einops torchdiffeq torchsde
	.venv/peers/bin/python -m pip install --quiet --no-deps k-diffusion==0.1.1 dctorch==0.1.2  # asks for an old numpy
	@touch $(PEERS)
