"""A prior from adjacency, only where somebody declared it.

Between neighbours that share a fence a bureau sometimes knows more than the fence: the strip along it is leased to one
of them, or one of them has no gate there. It may declare that, with weights, a reason, a name and a day. It moves
probability between the neighbours that are named together and nowhere else: neither other sites nor ground that is
nobody's gain or lose by it (Bayes within the named neighbours). Without a declaration there is no prior at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from core.errors import InputRefused
from core.text import _
from flight.planning.yaml_lines import read_yaml
from geofence.attribution import Share

LARGEST_WEIGHT: Final = 20.0
"""The largest ratio of two weights; what is more certain than that belongs into the register as a fence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjacency:
    """What is declared of two or more neighbours.

    Attributes:
        weights: How many times more probable a thing at their fence is the one's than the other's, by site code.
        reason: Why.
        declared_by: Who says so.
        declared_on: Since when.
    """

    weights: Mapping[str, float]
    reason: str
    declared_by: str
    declared_on: date

    def __post_init__(self) -> None:
        if len(self.weights) < 2:
            raise ValueError("adjacency is declared of two sites or more")
        if not all(math.isfinite(weight) and weight > 0 for weight in self.weights.values()):
            raise ValueError("weights are positive numbers")
        if max(self.weights.values()) > LARGEST_WEIGHT * min(self.weights.values()):
            raise ValueError(f"no site weighs more than {LARGEST_WEIGHT:g} times another")
        if not (self.reason.strip() and self.declared_by.strip()):
            raise ValueError("adjacency is declared by somebody, with a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjacencyPrior:
    """Everything that is declared of neighbours; each pair of sites in one declaration only."""

    declared: tuple[Adjacency, ...]

    def __post_init__(self) -> None:
        pairs: set[tuple[str, str]] = set()
        for adjacency in self.declared:
            own = {(one, other) for one in adjacency.weights for other in adjacency.weights if one < other}
            if own & pairs:
                raise ValueError(f"{', '.join(min(own & pairs))}: adjacency is declared twice")
            pairs |= own


def weigh(sites: tuple[Share, ...], prior: AdjacencyPrior) -> tuple[tuple[Share, ...], str]:
    """Return shares after a declared prior, largest first, and in words what was applied; empty where nothing was.

    Args:
        sites: Shares of the sites nearby; they sum to at most 1.
        prior: What is declared.
    """
    masses = {share.key: share.probability for share in sites}
    said = []
    for adjacency in prior.declared:
        here = [key for key in adjacency.weights if key in masses]
        if len(here) < 2:
            continue
        before = math.fsum(masses[key] for key in here)
        weighed = {key: masses[key] * adjacency.weights[key] for key in here}
        scale = before / math.fsum(weighed.values())
        masses |= {key: mass * scale for key, mass in weighed.items()}
        ratio = " : ".join(f"{key} {adjacency.weights[key]:g}" for key in here)
        said.append(
            _("declared by {who} on {day}: {ratio} ({reason})").format(
                who=adjacency.declared_by, day=adjacency.declared_on, ratio=ratio, reason=adjacency.reason
            )
        )
    if not said:
        return sites, ""
    shares = (Share(key=one.key, version=one.version, probability=min(1.0, masses[one.key])) for one in sites)
    return tuple(sorted(shares, key=lambda share: (-share.probability, share.key))), "; ".join(said)


def read_prior(path: Path, *, known: frozenset[str]) -> AdjacencyPrior:
    """Return what a file declares.

    Args:
        path: YAML: ``schema: 1`` and ``adjacency``, a list of ``{sites: {CODE: WEIGHT, …}, reason, declared_by,
            declared_on}``.
        known: The register's site codes.

    Raises:
        InputRefused: It cannot be read, is no such file, or names a site that the register lacks.
    """
    document = read_yaml(path)
    try:
        return _prior(document.value, known)
    except (ValueError, TypeError, KeyError) as error:
        problem = _("is no declaration of adjacency: {reason}").format(reason=error)
        raise InputRefused(path, problem, _("docs/attribution.md describes the file.")) from error


def _prior(table: object, known: frozenset[str]) -> AdjacencyPrior:
    if not isinstance(table, Mapping) or set(table) != {"schema", "adjacency"} or table["schema"] != 1:
        raise ValueError("it has schema: 1 and adjacency, and nothing else")
    entries = table["adjacency"]
    if not isinstance(entries, list) or not entries:
        raise ValueError("adjacency is a list of declarations")
    prior = AdjacencyPrior(declared=tuple(_adjacency(entry) for entry in entries))
    strangers = sorted({key for one in prior.declared for key in one.weights} - known)
    if strangers:
        raise ValueError(f"the register has no site {', '.join(strangers)}")
    return prior


def _adjacency(entry: object) -> Adjacency:
    if not isinstance(entry, Mapping) or set(entry) != {"sites", "reason", "declared_by", "declared_on"}:
        raise ValueError("a declaration has sites, reason, declared_by and declared_on")
    weights: Any = entry["sites"]
    if not isinstance(weights, Mapping) or any(
        isinstance(weight, bool) or not isinstance(weight, int | float) for weight in weights.values()
    ):
        raise TypeError("sites gives a weight to each code")
    day = entry["declared_on"]
    return Adjacency(
        weights=MappingProxyType({str(key): float(weight) for key, weight in weights.items()}),
        reason=str(entry["reason"]),
        declared_by=str(entry["declared_by"]),
        declared_on=day if isinstance(day, date) else date.fromisoformat(str(day)),
    )
