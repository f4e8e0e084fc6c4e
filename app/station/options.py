"""What a station is started with, as a value that checks itself."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOptions:
    """How a station is served.

    Attributes:
        store: A SQLite file, or a ``postgresql://`` address.
        vault: Folder or address of the vault.
        host, port: Where to listen.
        certificate, key: PEM files for TLS; both or none.
        behind_proxy: A proxy on this machine speaks TLS and says who asks.
        names: Host names under which the station is opened, besides those of this machine's loopback.
        webhooks: Addresses that are told of newly confirmed cases.
        uploads: Folder where pieces of uploads wait until they are whole; beside a SQLite store where None.
        patrols: Folder of patrol files that the fleet page shows.
        processing: Options of ``skywarden process`` for footage that was uploaded; empty where it is processed by hand.
        streams: Files that ``skywarden fly --stream`` appends to: aircraft on the map.
        base: What lies under the map, as ``maps.base_layers.base_layer`` reads it; nothing by default.
        base_key: Key that Tianditu asks for.
        language: What is spoken to people who chose nothing: "zh_CN" or "en".
    """

    store: Path | str
    vault: Path | str
    host: str = "127.0.0.1"
    port: int = 8443
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    names: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    uploads: Path | None = None
    patrols: Path | None = None
    processing: tuple[str, ...] = ()
    streams: tuple[Path, ...] = ()
    base: tuple[str, ...] = ()
    base_key: str = ""
    language: str = "zh_CN"

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65536:
            raise ValueError(f"{self.port} is no port")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key are named together")
        if self.behind_proxy and self.certificate is not None:
            raise ValueError("behind a proxy it is the proxy that speaks TLS")
        if not self.loopback and not self.encrypted:
            raise ValueError("only the machine's own loopback is served without TLS")

    @property
    def upload_folder(self) -> Path | None:
        """Where uploads wait: the folder named, or one beside a SQLite store; None where neither is there."""
        if self.uploads is None and isinstance(self.store, Path):
            return self.store.with_name(f"{self.store.name}.uploads")
        return self.uploads

    @property
    def loopback(self) -> bool:
        """Whether nobody outside this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def encrypted(self) -> bool:
        """Whether people reach it through TLS."""
        return self.certificate is not None or self.behind_proxy

    @property
    def allowed_hosts(self) -> list[str]:
        """The host names that are answered."""
        listening = () if self.host in {"0.0.0.0", "::"} else (self.host,)  # noqa: S104 - compared, not listened to
        return sorted({*LOOPBACK_NAMES, *listening, *self.names})
