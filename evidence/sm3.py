"""SM3 (GB/T 32905-2016), as fast as this machine has it: the driver for OpenSSL's digest and for libgcrypt's.

Every byte of footage passes through SM3 when it is taken in and whenever a vault is verified, and SM3 is the slowest
step of both: OpenSSL has portable C for it (250 to 290 MB/s a core here), while libgcrypt 1.10 and later use the
processor's vector and rotate instructions (460 MB/s on the same core). Libgcrypt is part of every Debian and most other
Linux systems; where it is missing, or does not give the standard's own example, OpenSSL is used. Both give the same
digest; only the time differs.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import lru_cache
from typing import Any, Final, Protocol

from core.errors import StoreFailed
from core.text import _

EXAMPLE: Final = (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
"""GB/T 32905-2016, appendix A.1."""

DIGEST_BYTES: Final = 32
_LIBRARY: Final = "libgcrypt.so.20"
_OLDEST: Final = b"1.10.0"  # the first with SM3 in the processor's vector instructions
_GCRY_MD_SM3: Final = 326
_GCRYCTL_INITIALIZATION_FINISHED: Final = 38
_GCRYCTL_INITIALIZATION_FINISHED_P: Final = 39


class RunningDigest(Protocol):
    """A digest that takes bytes piece by piece, as ``hashlib`` gives them; other threads run meanwhile."""

    def update(self, chunk: memoryview | bytes, /) -> None:
        """Take the next bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest of everything taken so far."""
        ...


def new_sm3() -> RunningDigest:
    """Return a new SM3 digest.

    Raises:
        StoreFailed: This machine has no SM3 at all (pure-Python ones are a thousand times slower and are not used).
    """
    library = _libgcrypt()
    if library is not None:
        return _GcryptSm3(library)
    try:
        return hashlib.new("sm3")
    except ValueError as problem:
        raise StoreFailed(
            _(
                "This Python's OpenSSL has no SM3 digest, which evidence records need. "
                "Install a Python that was built with OpenSSL 1.1.1 or later."
            )
        ) from problem


def sm3_source() -> str:
    """Return which library gives SM3 on this machine, for reports of how fast it is."""
    return "OpenSSL" if _libgcrypt() is None else "libgcrypt"


class _GcryptSm3:
    """SM3 of libgcrypt; used by one thread at a time."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle: Any = ctypes.c_void_p()
        if library.gcry_md_open(ctypes.byref(self._handle), _GCRY_MD_SM3, 0) != 0:
            raise OSError("libgcrypt gives no SM3")

    def update(self, chunk: memoryview | bytes, /) -> None:
        view = memoryview(chunk).cast("B")
        if not view:
            return
        # A foreign call needs an address: a writable view has one without a copy, and ctypes frees the interpreter.
        content: Any = bytes(view) if view.readonly else (ctypes.c_char * view.nbytes).from_buffer(view)
        self._library.gcry_md_write(self._handle, content, view.nbytes)

    def hexdigest(self) -> str:
        # Reading ends a libgcrypt digest, so a copy is read: more bytes may follow, as with hashlib.
        copy = ctypes.c_void_p()
        if self._library.gcry_md_copy(ctypes.byref(copy), self._handle) != 0:
            raise MemoryError
        try:
            return ctypes.string_at(self._library.gcry_md_read(copy, _GCRY_MD_SM3), DIGEST_BYTES).hex()
        finally:
            self._library.gcry_md_close(copy)

    def __del__(self) -> None:
        if self._handle:
            self._library.gcry_md_close(self._handle)
            self._handle = None


@lru_cache(maxsize=1)
def _libgcrypt() -> ctypes.CDLL | None:
    """Return libgcrypt when it is here, new enough, and gives the standard's example."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    library.gcry_check_version.restype = ctypes.c_char_p
    library.gcry_md_open.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint)
    library.gcry_md_write.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    library.gcry_md_write.restype = None
    library.gcry_md_copy.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.gcry_md_read.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.gcry_md_read.restype = ctypes.c_void_p
    library.gcry_md_close.argtypes = (ctypes.c_void_p,)
    library.gcry_md_close.restype = None
    if library.gcry_check_version(_OLDEST) is None:
        return None
    if not library.gcry_control(_GCRYCTL_INITIALIZATION_FINISHED_P, 0):
        library.gcry_control(_GCRYCTL_INITIALIZATION_FINISHED, 0)
    try:
        digest = _GcryptSm3(library)
    except OSError:  # a system in FIPS mode allows no SM3
        return None
    digest.update(EXAMPLE[0])
    return library if digest.hexdigest() == EXAMPLE[1] else None
