"""Sets a typst template as PDF: the one module of this room that speaks to typst.

All words go in as JSON strings, which typst sets as text and never reads as markup. The font is embedded; a bureau's
own fonts can be put before it. A character that none of them has is set by its number. The same inputs give the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from core.errors import StoreFailed
from core.text import _
from evidence.papers.glyphs import printable

FONT_FAMILY: Final = "Noto Sans CJK SC"


def typeset(
    name: str,
    sources: Mapping[str, bytes],
    *,
    inputs: Mapping[str, object],
    at: datetime,
    font_folders: Sequence[Path] = (),
) -> bytes:
    """Return a document as PDF.

    Args:
        name: The document's name; ``NAME.typ`` among the sources is what is set.
        sources: Templates and pictures, by file name.
        inputs: Values that the template reads with ``json(bytes(sys.inputs.KEY))``.
        at: The PDF's time.
        font_folders: Folders of other fonts.

    Raises:
        StoreFailed: typst cannot set it (a picture or font that it cannot read).
    """
    import typst
    from noto_cjk_sans_otc import FONT_PATH

    with TemporaryDirectory(prefix="skywarden-") as workshop:
        root = Path(workshop)
        for file, content in sources.items():
            (root / file).write_bytes(content)
        try:
            compiler = typst.Compiler(
                root / f"{name}.typ",
                root=root,
                font_paths=[Path(str(FONT_PATH)).parent, *font_folders],
                ignore_system_fonts=True,
                sys_inputs={
                    key: json.dumps(
                        printable(value, font=Path(str(FONT_PATH)), font_folders=font_folders), ensure_ascii=False
                    )
                    for key, value in inputs.items()
                },
            )
            pdf = compiler.compile(format="pdf", timestamp=int(at.timestamp()))
        except (typst.TypstError, RuntimeError, OSError) as problem:
            raise StoreFailed(
                _("The document {name} cannot be set: {problem}").format(name=name, problem=problem)
            ) from problem
    if not isinstance(pdf, bytes):
        raise StoreFailed(_("The document {name} cannot be set: {problem}").format(name=name, problem="no PDF"))
    return pdf
