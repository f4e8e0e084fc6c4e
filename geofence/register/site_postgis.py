"""Read a register from PostGIS tables; the one module that knows psycopg.

The database converts every outline to WGS-84 itself (``ST_Transform``), so a table in any declared system is read; a
table whose outlines declare none (SRID 0) is refused. Columns have the names of the register's properties.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import shapely

from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from geofence.register.site_features import Feature, field_of
from geofence.register.site_files import Source, compile_register
from geofence.register.site_tables import as_text
from geofence.site import Register


def read_postgis(
    connection: str, sites: str, zones: str | None = None, *, outline: str = "geom"
) -> tuple[Register, tuple[Refusal, ...]]:
    """Return the register that one or two tables hold, and a refusal for each row left out.

    Args:
        connection: A libpq connection string ("host=… dbname=…"); a password belongs into a ``.pgpass`` file.
        sites: Table or view of sites, with its schema if that is not on the search path ("public.sites").
        zones: Table or view of zones, if they are kept apart.
        outline: The column of outlines.

    Raises:
        InputRefused: The database or a table cannot be read, or its outlines declare no coordinate system.
    """
    source = read_tables(connection, sites, zones, outline=outline)
    return compile_register(source.features, sha256=source.sha256)


def read_tables(connection: str, sites: str, zones: str | None = None, *, outline: str = "geom") -> Source:
    """Return what one or two tables hold, before it is known to be a register; as :func:`read_postgis`.

    Raises:
        InputRefused: As in :func:`read_postgis`.
    """
    features = [
        feature
        for table in (sites, zones)
        if table is not None
        for feature in read_postgis_features(connection, table, outline=outline)
    ]
    digest = hashlib.sha256()
    for feature in features:
        digest.update(repr(sorted(feature.properties.items())).encode())
        digest.update(b"" if feature.shape is None else shapely.to_wkb(feature.shape))
    return Source(features=tuple(features), doubts=(), sha256=digest.hexdigest())


def read_postgis_features(connection: str, table: str, *, outline: str = "geom") -> list[Feature]:
    """Return the features of a table in WGS-84 longitude and latitude, in the order of their text.

    Args:
        connection: As in :func:`read_postgis`.
        table: Table or view.
        outline: The column of outlines.

    Raises:
        InputRefused: As in :func:`read_postgis`.
    """
    names, rows = _query(connection, table, outline)
    features = []
    for number, (undeclared, wkb, *cells) in enumerate(rows, start=1):
        if undeclared:
            problem = _("its outlines declare no coordinate system (SRID 0)")
            raise InputRefused(Path(table), problem, _("Declare it with UpdateGeometrySRID."))
        texts = ((field_of(name), as_text(cell)) for name, cell in zip(names, cells, strict=True))
        features.append(
            Feature(
                subject=_("{file}, feature {number}").format(file=table, number=number),
                properties=MappingProxyType({name: text for name, text in texts if text}),
                shape=None if wkb is None else shapely.from_wkb(bytes(wkb)),
            )
        )
    return features


def _query(connection: str, table: str, outline: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the plain columns, and rows of: SRID missing, WKB in WGS-84, plain columns."""
    try:
        import psycopg
        from psycopg import sql
    except ImportError as error:
        problem = _("PostGIS is read with psycopg, which is not installed")
        raise InputRefused(Path(table), problem, _("Install the extra [postgis], or export the table.")) from error
    geometry, relation = sql.Identifier(outline), sql.Identifier(*table.split("."))
    try:
        with psycopg.connect(connection, connect_timeout=10, options="-c default_transaction_read_only=on") as link:
            described = link.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation)).description or []
            names = [column.name for column in described if column.name != outline]
            plain = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in names)
            statement = sql.SQL(
                "SELECT ST_SRID({g}) = 0, "
                "CASE WHEN ST_SRID({g}) <> 0 THEN ST_AsBinary(ST_Force2D(ST_Transform({g}, 4326)), 'NDR') END"
                "{plain} FROM {t} AS entry ORDER BY entry::text"
            ).format(g=geometry, plain=plain, t=relation)
            return names, link.execute(statement).fetchall()
    except psycopg.Error as error:
        problem = _("cannot be read from the database: {reason}").format(reason=" ".join(str(error).split()))
        raise InputRefused(Path(table), problem, _("Check the connection, the table and its columns.")) from error
