# Two commands a newcomer needs: `make demo` and `make test`. The rest is for developers.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
# On Linux pip brings CUDA along (2.8 GB). Without an NVIDIA GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu is 0.3 GB.
TORCH_INDEX ?=

# `make test-comfy` needs a ComfyUI: the folder of a checkout, and the interpreter that has its requirements.
COMFYUI_PATH ?=
COMFYUI_PYTHON ?= python3

# What lint reads: a user's own scripts may lie in this folder too.
SOURCES = neo_core nodes tests __init__.py

.PHONY: demo test test-slow test-comfy lint install install-tests clean

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and f"Python {sys.version.split()[0]} found, 3.10 or newer expected")'
	@echo "Making a virtual environment in $(VENV). The first time, pip brings 0.3 GB (with CUDA 2.8 GB), which takes minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --upgrade pip
	@echo "1 of 2: PyTorch"
	@$(RUN) -m pip install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "torch==2.13.0"
	@echo "2 of 2: the other packages"
	@$(RUN) -m pip install --editable .
	@touch $@

# What only the tests need. It comes after the product, so that whatever renews that renews this too.
$(VENV)/.installed-tests: $(VENV)/.installed
	@echo "The tools of the tests"
	@$(RUN) -m pip install --editable ".[test]"
	@touch $@

install: $(VENV)/.installed

install-tests: $(VENV)/.installed-tests

demo: install
	$(RUN) -m neo_core demo

lint: install-tests
	$(RUN) -m ruff check $(SOURCES)
	$(RUN) -m ruff format --check $(SOURCES)

# A worker per core, up to four; what is slow is told at the end.
test: lint
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations 30

test-slow: install-tests
	$(RUN) -m pytest -m slow

test-comfy: install-tests
	@test -f "$(COMFYUI_PATH)/main.py" || { echo "COMFYUI_PATH is '$(COMFYUI_PATH)'; expected the folder of a ComfyUI checkout: make test-comfy COMFYUI_PATH=... COMFYUI_PYTHON=..."; exit 2; }
	@$(COMFYUI_PYTHON) -c "import comfyui_frontend_package, torch" || { echo "COMFYUI_PYTHON is '$(COMFYUI_PYTHON)'; expected the interpreter with ComfyUI's requirements"; exit 2; }
	@$(RUN) -c "import playwright" 2>/dev/null || $(RUN) -m pip install --quiet --editable ".[test,comfy-test]"
	COMFYUI_PATH="$(COMFYUI_PATH)" COMFYUI_PYTHON="$(COMFYUI_PYTHON)" $(RUN) -m pytest -m comfy tests/comfy -rs

clean:
	rm -rf $(VENV) output build *.egg-info
