"""Serves the station with uvicorn.

Why uvicorn: it speaks ASGI in one process, so that a live page that waits for events costs a coroutine and not a thread
(waitress and cheroot give each a thread; waitress has no TLS), takes TLS from files, runs inside our process without a
supervisor (granian and gunicorn start workers of their own), is pure Python on h11, and is what Django's manual
describes. It says nothing of itself in its answers, and it waits for running answers when it is stopped.
"""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event, Thread

from app.station.asgi import make_application
from app.station.options import StationOptions
from core.clock import Clock
from core.errors import InputRefused, StoreFailed
from core.text import _

KEEP_ALIVE_S = 15
STOP_S = 10
MAX_CONNECTIONS = 400


def serve_station(options: StationOptions, clock: Clock) -> None:
    """Answer requests until the process is told to end.

    Raises:
        InputRefused: The certificate or its key cannot be used.
        StoreFailed: The address is taken.
    """
    import socket
    import ssl

    import uvicorn

    from app.station.context import station
    from app.station.keeping_up import keep_up
    from app.station.map_live import pulse
    from app.station.map_marks import HELD
    from app.station.processing import resume_jobs
    from app.station.uploads import resume_storing
    from app.station.webhooks import keep_telling, post_over_http, settle_targets

    settle_targets(options.webhooks)
    resume_storing()
    resume_jobs()
    HELD.warm(station().store, pulse(station().store))
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listener = socket.create_server((options.host, options.port), family=family, backlog=256)
    except OSError as taken:
        raise StoreFailed(
            _("{host}:{port} cannot be listened to ({why}). Choose another with --listen.").format(
                host=options.host, port=options.port, why=taken.strerror
            )
        ) from taken
    with listener:
        config = uvicorn.Config(
            make_application(),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=options.behind_proxy,
            forwarded_allow_ips="127.0.0.1,::1" if options.behind_proxy else "",
            ssl_certfile=_text(options.certificate),
            ssl_keyfile=_text(options.key),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=32 * 1024,
            ws="none",
            lifespan="off",
        )
        try:
            config.load()
        except (ssl.SSLError, OSError) as unfit:
            raise InputRefused(
                options.certificate or "TLS",
                _("is no certificate that goes with its key ({why})").format(why=unfit),
                _("Name a PEM certificate chain, and the key it was made for."),
            ) from unfit
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        stop = Event()
        threads = [Thread(target=keep_up, args=(stop,), name="cards")]
        if options.webhooks:
            threads.append(Thread(target=keep_telling, args=(clock, post_over_http, stop), name="webhooks"))
        for thread in threads:
            thread.start()
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
