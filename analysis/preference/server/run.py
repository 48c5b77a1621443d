"""Opening a study and serving it until it is stopped."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from analysis.preference.server.address import LOOPBACK, check_address, is_loopback, listen
from analysis.preference.server.app import create_app
from analysis.preference.server.links import prepare_links
from analysis.preference.server.study import ServedStudy

HEADER_LIMIT = 16 * 1024  # bytes of a request before its body

_PROXY = """\
Send the name {name} to this server through a reverse proxy that adds TLS, with one of:

  Caddy (Caddyfile; gets its certificate by itself and logs no requests):
    {name} {{
        reverse_proxy {address}
    }}

  nginx (inside http {{ }}; logs would hold raters' addresses and links):
    server {{
        listen 443 ssl;
        server_name {name};
        ssl_certificate     /etc/letsencrypt/live/{name}/fullchain.pem;
        ssl_certificate_key /etc/letsencrypt/live/{name}/privkey.pem;
        access_log off;
        error_log /dev/null;
        add_header Strict-Transport-Security "max-age=31536000" always;
        location / {{
            proxy_pass http://{address};
            proxy_set_header Host $host;
        }}
    }}
"""


def serve(folder: Path, *, host: str, port: int, host_names: list[str], public: bool, insecure: bool) -> None:
    """Serves a study until it is stopped.

    Args:
        folder: the study.
        host: address to listen on.
        port: port to listen on; 0 for any that is free.
        host_names: further names under which the server is reached.
        public: print how to put the server behind a reverse proxy; links then start with https and the first name.
        insecure: allow plain HTTP on other addresses than loopback.

    Raises:
        UserError: the study cannot be opened, or the address cannot be used.
    """
    check_address(host, host_names, public, insecure)
    listener = listen(host, port)
    with listener, ServedStudy(folder) as study:
        port = listener.getsockname()[1]
        own = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if public:
            origin = f"https://{host_names[0]}"
        else:
            origin = f"http://{own if is_loopback(host) or not host_names else f'{host_names[0]}:{port}'}"
        links = prepare_links(folder, study.store, study.design.raters, origin)
        app = create_app(study, [host, "localhost", LOOPBACK, *host_names])
        if public:
            print(_PROXY.format(name=host_names[0], address=own))
        print(f"links: {links or 'unchanged (links.csv has been moved away)'}")
        print(f"serving {folder} at http://{own}; stop with Ctrl-C, rerun to continue", flush=True)
        make_server(app).run(sockets=[listener])


def make_server(app: object) -> uvicorn.Server:
    """A web server that logs no requests, since they hold raters' addresses and tokens."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=HEADER_LIMIT,
        timeout_keep_alive=75,  # seconds; longer than a reverse proxy keeps its connections
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)
