# Every target does its own set-up: system packages that are missing, a virtual environment in .venv, the versions that
# constraints.txt pins. Only Python 3.11, make and git need to be there before.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: demo photos test lint fix bench clean messages

$(STAMP): pyproject.toml constraints.txt
	sh packaging/system-packages.sh run
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The main job, rehearsed: plan, fly, film, process, and compare with the truth. Writes out/demo.
demo: $(STAMP)
	$(BIN)/skywarden demo --out out/demo

# The main job on real photos, where they lie beside the project. Writes out/photos.
photos: $(STAMP)
	$(BIN)/skywarden process ../shared/data/aerial_vehicles/dji_photos --camera-zone Europe/Minsk \
		--sites missions/photos/sites.geojson --zones missions/photos/zones.geojson --out out/photos

test: $(STAMP)
	sh packaging/system-packages.sh test
	$(BIN)/python -m pytest -n 2 -m 'not wall_clock'
	$(BIN)/python -m pytest -m wall_clock

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Brings the message catalogues up to date with the code, and compiles them.
messages: $(STAMP)
	mkdir -p build
	$(BIN)/pybabel -q extract -F app/locale/babel.cfg --no-location --sort-output -o build/skywarden.pot .
	$(BIN)/pybabel -q update -N --ignore-obsolete --ignore-pot-creation-date -w 120 -D skywarden -i build/skywarden.pot -d app/locale -l zh_CN
	$(BIN)/pybabel -q compile -D 'skywarden messages' -d app/locale

clean:
	rm -rf $(VENV) out build dist

# Every benchmark that needs nothing but the project; each prints a table of ratios against a peer in the same run.
bench: bench-planning bench-geofence bench-locating bench-upload bench-sealing bench-ingest

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

.PHONY: bench-ingest soak-ingest telemetry-table fuzz
bench-ingest: $(STAMP)
	$(BIN)/python -m benchmarks.ingest

.PHONY: bench-decoding
bench-decoding: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.decoding

# A hundred kills at random moments of an ingest; the ordinary tests do eight.
soak-ingest: $(STAMP)
	SKYWARDEN_KILLS=100 $(BIN)/python -m pytest tests/evidence/test_vault.py -k killed --timeout 3600

# What is read from every sample and from a generated file of every kind: the tables of docs/telemetry.md.
telemetry-table: $(STAMP)
	$(BIN)/python -m benchmarks.telemetry_samples

# Every reader of foreign files against damaged ones, for longer than the tests do.
fuzz: $(STAMP)
	SKYWARDEN_FUZZ=3000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/flight/test_telemetry_fuzz.py tests/detection/test_video_decoding.py

.PHONY: bench-locating
bench-locating: $(STAMP)
	$(BIN)/python -m benchmarks.locating --full


.PHONY: bench-lengths
bench-lengths: $(STAMP)
	$(BIN)/python -m benchmarks.locating_lengths --find

.PHONY: bench-detection
bench-detection: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[bench]'
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.detection_fire
	$(BIN)/python -m benchmarks.detection_points
	$(BIN)/python -m benchmarks.detection_runtime
	$(BIN)/python -m benchmarks.detection_video

# make bench-heat DATA=FOLDER, which holds hit_uav
.PHONY: bench-heat
bench-heat: $(STAMP)
	$(BIN)/python -m benchmarks.detection_heat --data "$(DATA)"

# An hour of video through the detector, with the memory that it holds on the way.
.PHONY: soak-detection
soak-detection: $(STAMP)
	$(BIN)/python -m benchmarks.detection_soak

.PHONY: bench-two-reviewers
bench-two-reviewers: $(STAMP)
	$(BIN)/python -m benchmarks.two_reviewers

# Every byte of a package flipped in turn, two hundred kills while sealing, deciding and backing up on SQLite and as many
# on PostgreSQL, a thousand cases reviewed by two people at once.
.PHONY: soak-evidence
soak-evidence: $(STAMP)
	SKYWARDEN_FLIP_STRIDE=1 SKYWARDEN_KILLS=200 $(BIN)/python -m pytest --timeout 7200 -k "flipped_byte or killed_at_random" tests/evidence/test_tamper.py tests/evidence/test_kill.py
	$(BIN)/python -m benchmarks.two_reviewers

.PHONY: bench-changes
bench-changes: $(STAMP)
	$(BIN)/python -m benchmarks.changes

.PHONY: bench-maps
bench-maps: $(STAMP)
	$(BIN)/python -m benchmarks.maps

.PHONY: bench-station
bench-station: $(STAMP)
	$(BIN)/python -m benchmarks.station_load

.PHONY: bench-station-browser
bench-station-browser: $(STAMP)
	$(BIN)/python -m benchmarks.station_browser

.PHONY: bench-station-map
bench-station-map: $(STAMP)
	$(BIN)/python -m benchmarks.station_map

.PHONY: bench-smoke
bench-smoke: $(STAMP)
	$(BIN)/python -m benchmarks.smoke
