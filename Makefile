# Every target does its own set-up: a virtual environment in .venv, filled from constraints.txt.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: demo test lint fix bench clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) out build dist

.PHONY: bench-planning
bench-planning: $(STAMP)
	$(BIN)/python -m benchmarks.planning

.PHONY: bench-geofence
bench-geofence: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.geofence

.PHONY: soak-flight bench-upload
soak-flight: $(STAMP)
	SKYWARDEN_SOAK_FLIGHTS=200 $(BIN)/python -m pytest tests/flight/test_fly_faults.py -k random --timeout 3600

bench-upload: $(STAMP)
	$(BIN)/python -m benchmarks.upload

.PHONY: bench-sealing
bench-sealing: $(STAMP)
	$(BIN)/python -m benchmarks.sealing

.PHONY: bench-ingest fuzz
bench-ingest: $(STAMP)
	$(BIN)/python -m benchmarks.ingest

# Every reader of foreign files against damaged ones, for longer than the tests do.
fuzz: $(STAMP)
	SKYWARDEN_FUZZ=3000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/flight/test_telemetry_fuzz.py

.PHONY: bench-locating
bench-locating: $(STAMP)
	$(BIN)/python -m benchmarks.locating --full


.PHONY: bench-detection
bench-detection: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[bench]'
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.detection_fire
	$(BIN)/python -m benchmarks.detection_runtime
