"""Geofence benchmarks: joins against peers, attribution against Monte Carlo, and the honesty of probabilities.

    python -m benchmarks.geofence [--quick]

The last table says of each bar whether it was met; the program ends with 1 when one was not. A quick run does a tenth
of the work, and its speed is no measure.

Every peer runs in the same process on the same points and polygons; times are processor seconds and wall seconds, the
best of the rounds, rounds interleaved so that a busy machine is busy for all. A peer that is not installed is named.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from core.points import LocalPlane, to_plane
from geofence.attribute import shares_of
from geofence.attributing.attribute_stream import attribute_stream, digest_outcomes
from geofence.register.site_index import SiteIndex, build_index
from geofence.register.site_join import build_join_of, join_points
from geofence.register.site_report import examine_register
from tests.geofence.synthetic_district import (
    Trial,
    calibrate,
    draw_parcels,
    draw_trial,
    place_parcels,
)

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
SAMPLES = 10_000
CONSOLE = Console(width=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One thing that has to hold."""

    says: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The best of several rounds, seconds."""

    processor_s: float
    wall_s: float


def fastest(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Return the best time of each job; rounds are interleaved."""
    best: dict[str, Timing] = {}
    for name, job in itertools.chain.from_iterable([jobs.items()] * rounds):
        wall, processor = time.perf_counter(), time.process_time()
        job()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        before = best.get(name, Timing(processor_s=np.inf, wall_s=np.inf))
        best[name] = Timing(processor_s=min(before.processor_s, processor), wall_s=min(before.wall_s, wall))
    return best


def duckdb_join(shapes: NDArray[np.object_], lonlat: NDArray[np.float64]) -> Callable[[], Pairs] | None:
    """Return DuckDB's spatial join over tables that are loaded before the clock runs, or None where it is missing."""
    try:
        import duckdb

        files = importlib.metadata.files("duckdb-ext-spatial") or []
    except (ImportError, importlib.metadata.PackageNotFoundError):
        return None
    extension = next(Path(str(file.locate())) for file in files if file.name.endswith(".duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    import pandas as pd

    polygons = pd.DataFrame({"place": np.arange(len(shapes)), "wkb": list(shapely.to_wkb(shapes))})
    points = pd.DataFrame({"point": np.arange(len(lonlat)), "lon": lonlat[:, 0], "lat": lonlat[:, 1]})
    connection.register("polygons_frame", polygons)
    connection.register("points_frame", points)
    connection.execute("CREATE TABLE polygons AS SELECT place, ST_GeomFromWKB(wkb::BLOB) AS shape FROM polygons_frame")
    connection.execute("CREATE TABLE points AS SELECT point, ST_Point(lon, lat) AS shape FROM points_frame")

    def join() -> Pairs:
        found = connection.execute(
            "SELECT point, place FROM points JOIN polygons ON ST_Intersects(polygons.shape, points.shape)"
        ).fetchnumpy()
        return found["point"].astype(np.int64), found["place"].astype(np.int64)

    return join


def in_order(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs[1], pairs[0]))
    return pairs[0][order], pairs[1][order]


def bench_joins(sites: int, points: int, rounds: int) -> list[Bar]:
    import geopandas

    rng = np.random.default_rng(sites)
    shapes = place_parcels(draw_parcels(rng, int(np.ceil(np.sqrt(sites)))))[:sites]
    west, south, east, north = shapely.total_bounds(shapes)
    lonlat = rng.uniform([west, south], [east, north], (points, 2))
    geometry = shapely.points(lonlat)
    frame = geopandas.GeoDataFrame(geometry=shapes)
    seen = geopandas.GeoDataFrame(geometry=geometry)
    tree = shapely.STRtree(shapes)
    index = build_join_of(shapes, tree)
    # All indices are built before the clock runs: a register is indexed once and asked many times.
    _ = frame.sindex.query(geometry[:1])

    def sjoin() -> Pairs:
        joined = seen.sjoin(frame, predicate="intersects")
        return joined.index.to_numpy(dtype=np.int64), joined["index_right"].to_numpy(dtype=np.int64)

    def strtree() -> Pairs:
        found = tree.query(geometry, predicate="intersects")
        return found[0].astype(np.int64), found[1].astype(np.int64)

    jobs: dict[str, Callable[[], Pairs]] = {
        "skywarden": lambda: join_points(index, lonlat),
        "geopandas.sjoin": sjoin,
        "shapely.STRtree": strtree,
    }
    duck = duckdb_join(shapes, lonlat)
    if duck is not None:
        jobs["DuckDB spatial"] = duck
    reference = in_order(jobs["geopandas.sjoin"]())
    same = {}
    for name, job in jobs.items():
        answer = in_order(job())
        same[name] = len(answer[0]) == len(reference[0]) and all(
            np.array_equal(mine, theirs) for mine, theirs in zip(answer, reference, strict=True)
        )
    best = fastest(dict(jobs), rounds)
    table = Table(title=f"{points:,} points x {sites:,} sites, {len(reference[0]):,} pairs (index built before)")
    for heading in ("", "wall s", "points/s", "processor s", "skywarden is faster by", "same answers"):
        table.add_column(heading, justify="right")
    ours = best["skywarden"]
    for name, timing in best.items():
        table.add_row(
            name,
            f"{timing.wall_s:.2f}",
            f"{points / timing.wall_s:,.0f}",
            f"{timing.processor_s:.2f}",
            "" if name == "skywarden" else f"{timing.wall_s / ours.wall_s:.2f} x",
            "yes" if same[name] else "NO",
        )
    CONSOLE.print(table)
    if duck is None:
        CONSOLE.print("DuckDB spatial is not installed (the extra [bench] names it).")
    built = fastest({"skywarden": lambda: build_join_of(shapes), "STRtree": lambda: shapely.STRtree(shapes)}, rounds)
    CONSOLE.print("index built in", {name: f"{timing.wall_s:.2f} s" for name, timing in built.items()})
    what = f"{points:,} x {sites:,}"
    ratio = min(timing.wall_s for name, timing in best.items() if name != "skywarden") / ours.wall_s
    bars = [Bar(says=f"{what}: the same answers from all", measured=str(same), met=all(same.values()))]
    if sites >= 100_000:
        bars.append(Bar(says=f"{what}: 1.5 x the best peer", measured=f"{ratio:.2f} x", met=ratio >= 1.5))
    return bars


def monte_carlo(
    index: SiteIndex, trial: Trial, numbers: range, rng: np.random.Generator, samples: int = SAMPLES
) -> list[dict[str, float]]:
    """Return each sighting's shares by sampling, with a tree and prepared polygons, in a metric plane made before."""
    plane = LocalPlane(origin=trial.sightings[0].point)
    metric = shapely.transform(index.sites.shapes, lambda lonlat: to_plane(plane, lonlat))
    tree = shapely.STRtree(metric)
    shapely.prepare(metric)
    found = []
    for number in numbers:
        seen = trial.sightings[number]
        mean = to_plane(plane, [seen.point.lon_deg, seen.point.lat_deg])
        spread = seen.covariance.matrix() + float(index.sites.sigma_m[0]) ** 2 * np.eye(2)
        cloud = mean + rng.standard_normal((samples, 2)) @ np.linalg.cholesky(spread).T
        low, high = cloud.min(axis=0), cloud.max(axis=0)
        places = tree.query(shapely.box(*low, *high))
        found.append(
            {
                index.sites.keys[place]: float(shapely.contains_xy(metric[place], cloud[:, 0], cloud[:, 1]).mean())
                for place in places.tolist()
            }
        )
    return found


def bench_attribution(count: int) -> list[Bar]:
    rng = np.random.default_rng(4)
    trial = draw_trial(rng, side=40, count=count)
    index = build_index(trial.register)
    lonlat = np.array([[seen.point.lon_deg, seen.point.lat_deg] for seen in trial.sightings])
    spread = np.stack([seen.covariance.matrix() for seen in trial.sightings])
    few = range(min(400, count))
    best = fastest(
        {
            "exact": lambda: shares_of(index.sites, lonlat, spread),
            "sampled": lambda: monte_carlo(index, trial, few, rng),
        },
        rounds=3,
    )
    table = Table(title="Probability shares of sightings in a dense district (1,600 parcels of 20 to 60 vertices)")
    for heading in ("", "sightings/s (wall)", "sightings/s (processor)"):
        table.add_column(heading, justify="right")
    sampled_rate = len(few) / best["sampled"].wall_s, len(few) / best["sampled"].processor_s
    exact_rate = count / best["exact"].wall_s, count / best["exact"].processor_s
    table.add_row("integrated, error below 1e-9", *(f"{rate:,.0f}" for rate in exact_rate))
    table.add_row(f"Monte Carlo, {SAMPLES:,} samples", *(f"{rate:,.0f}" for rate in sampled_rate))
    table.add_row("faster by", *(f"{a / b:.0f} x" for a, b in zip(exact_rate, sampled_rate, strict=True)))
    CONSOLE.print(table)
    worst = 0.0
    for numbers, samples in ((few, SAMPLES), (range(len(few) // 10), 100 * SAMPLES)):
        exact = shares_of(index.sites, lonlat[: len(numbers)], spread[: len(numbers)])
        gaps = [
            abs(share.probability - by_chance.get(share.key, 0.0))
            for shares, by_chance in zip(exact, monte_carlo(index, trial, numbers, rng, samples), strict=True)
            for share in shares
        ]
        worst = max(gaps)
        CONSOLE.print(
            f"against {samples:,} samples: largest difference of {len(gaps):,} shares {worst:.4f}, "
            f"root mean square {np.sqrt(np.mean(np.square(gaps))):.4f}; "
            f"a share of one half has a sigma of {0.5 / np.sqrt(samples):.4f} by chance"
        )
    ratio = exact_rate[0] / sampled_rate[0]
    return [
        Bar(says="50 x faster than Monte Carlo", measured=f"{ratio:.0f} x", met=ratio >= 50),
        # Ten thousand samples err by more than 0.01 themselves once in a while; a million do not.
        Bar(says="within 0.01 of Monte Carlo with a million samples", measured=f"{worst:.4f}", met=worst < 0.01),
    ]


def bench_calibration(count: int) -> list[Bar]:
    bars: list[Bar] = []
    for together, says in ((True, "fences of one map err together"), (False, "every fence errs by itself")):
        trial = draw_trial(np.random.default_rng(20), side=40, count=count, together=together)
        honest = calibrate(trial)
        table = Table(title=f"Calibration over {honest.count:,} sightings; {says}")
        for heading in ("said", "happened", "difference", "shares"):
            table.add_column(heading, justify="right")
        for said, happened, shares in honest.reliability:
            table.add_row(f"{said:.3f}", f"{happened:.3f}", f"{happened - said:+.3f}", f"{shares:,}")
        CONSOLE.print(table)
        CONSOLE.print(
            f"attributed {honest.attributed:.1%}; of those named right {honest.right:.2%}; "
            f"wrong enterprise named {honest.wrong_enterprise:.2%} of all"
        )
        if together:
            off = max(abs(happened - said) for said, happened, _shares in honest.reliability)
            # Beside the two points, what chance does to the emptiest of ten bins.
            chance = 2.5 * max(np.sqrt(said * (1 - said) / shares) for said, _happened, shares in honest.reliability)
            slack = 0.02 if count >= 20_000 else 0.02 + chance
            wrong = honest.wrong_enterprise
            bars += [
                Bar(says="95 % of those named are right", measured=f"{honest.right:.2%}", met=honest.right >= 0.95),
                Bar(says=f"reliability within {slack:.3f} everywhere", measured=f"{off:.4f}", met=off <= slack),
                Bar(says="wrong enterprise below 0.5 %", measured=f"{wrong:.2%}", met=wrong < 0.005),
            ]
    return bars


def bench_scale(side: int, count: int) -> list[Bar]:
    """Index and examine a register, and stream sightings over one core and over all."""
    trial = draw_trial(np.random.default_rng(5), side=side, count=count)
    begin = time.perf_counter()
    index = build_index(trial.register)
    indexed = time.perf_counter() - begin
    begin, used = time.perf_counter(), time.process_time()
    findings = examine_register(trial.register)
    examined, used = time.perf_counter() - begin, time.process_time() - used
    cores = os.cpu_count() or 1
    table = Table(title=f"A register of {side * side:,} sites; a stream of {count:,} sightings over it")
    for heading in ("", "wall s", "a second"):
        table.add_column(heading, justify="right")
    table.add_row("index", f"{indexed:.1f}", f"{side * side / indexed:,.0f} sites")
    table.add_row(f"examined ({used:.0f} s of processor)", f"{examined:.1f}", f"{side * side / examined:,.0f} sites")
    digests = {}
    for workers in sorted({1, cores}):
        begin = time.perf_counter()
        digests[workers] = digest_outcomes(attribute_stream(trial.sightings, index, workers=workers))
        spent = time.perf_counter() - begin
        table.add_row(f"attributed by {workers}", f"{spent:.1f}", f"{count / spent:,.0f} sightings")
    CONSOLE.print(table)
    return [
        Bar(says="a sound register has no findings", measured=str(len(findings)), met=not findings),
        Bar(
            says="one core and many say the same",
            measured=next(iter(digests.values()))[:12],
            met=len(set(digests.values())) == 1,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    quick = parser.parse_args().quick
    sizes = [(1_000, 20_000)] if quick else [(10_000, 100_000), (10_000, 1_000_000), (100_000, 1_000_000)]
    bars = [bar for sites, points in sizes for bar in bench_joins(sites, points, rounds=2 if quick else 3)]
    bars += bench_attribution(1_000 if quick else 5_000)
    bars += bench_calibration(5_000 if quick else 100_000)
    bars += bench_scale(50 if quick else 317, 4_000 if quick else 20_000)
    table = Table(title="Bars")
    for heading in ("", "measured", "met"):
        table.add_column(heading)
    for bar in bars:
        table.add_row(bar.says, bar.measured, "yes" if bar.met else "NO")
    CONSOLE.print(table)
    if not all(bar.met for bar in bars):
        sys.exit(1)


if __name__ == "__main__":
    main()
