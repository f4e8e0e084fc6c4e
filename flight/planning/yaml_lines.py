"""YAML with line numbers: every value knows where it was written, so that a refusal can say so.

Timestamps stay text (a time without an offset must be refused, not silently taken as UTC), and a key that is written
twice is an error instead of the last one winning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputRefused
from core.text import _


class _PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader without timestamps."""


_PlainLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """A YAML document and the line of each of its values.

    Attributes:
        value: The document as dicts, lists and scalars.
        lines: Line number, from 1, by path of keys and indices.
    """

    value: Any
    lines: dict[tuple[str | int, ...], int] = field(repr=False)

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of the value at ``path``, or of the nearest value around it that was written."""
        keys = tuple(path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)


def read_yaml(path: Path) -> YamlDocument:
    """Return the YAML document in ``path`` with its line numbers.

    Raises:
        InputRefused: The file cannot be read, is not UTF-8, or is not YAML; the text names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error.strerror), _("Name a file that exists.")
        ) from error
    except UnicodeDecodeError as error:
        raise InputRefused(path, _("the file is not UTF-8 text"), _("Save it as UTF-8.")) from error
    loader = _PlainLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[tuple[str | int, ...], int] = {}
        value = _construct(loader, node, (), lines) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputRefused(
            path,
            _("line {line}: {problem}").format(line=mark.line + 1 if mark else 1, problem=error.problem),
            _("Correct the YAML there."),
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputRefused(path, _("this is not YAML ({error})").format(error=error), _("Correct the file.")) from error
    finally:
        loader.dispose()
    return YamlDocument(value=value, lines=lines)


def _construct(
    loader: _PlainLoader, node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]
) -> Any:  # noqa: ANN401 - a YAML value is any of dict, list and scalar
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        table: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node))
            if key in table:
                raise yaml.constructor.ConstructorError(
                    None, None, _("the key {key} is written twice").format(key=key), key_node.start_mark
                )
            table[key] = _construct(loader, value_node, (*path, key), lines)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return table
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*path, index), lines) for index, item in enumerate(node.value)]
    return loader.construct_object(node)
