"""Which weights a run uses, by what its user named."""

from __future__ import annotations

import pytest

from app.weights import chosen_weights
from core.errors import InputRefused
from detection.registry import read_registry


def test_default_stands_for_every_default_and_others_join_it() -> None:
    registry = read_registry()
    defaults = [each.path for each in registry.defaults()]
    assert len(defaults) >= 2
    assert chosen_weights((), registry) == defaults
    assert chosen_weights(("default",), registry) == defaults
    yard = registry.named("yard-n").path
    assert chosen_weights(("default", "yard-n"), registry) == [*defaults, yard]
    assert chosen_weights(("yard-n", "yard-n"), registry) == [yard]
    assert chosen_weights(("default", registry.default_for("fire").card.name), registry) == defaults


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputRefused, match="yard-n"):
        chosen_weights(("default", "ghost"), read_registry())
