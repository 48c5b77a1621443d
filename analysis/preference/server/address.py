"""The address that the server listens on: refused if it would send links unencrypted, and one line if it is in use."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket

from amc.errors import UserError

LOOPBACK = "127.0.0.1"
PORT = 8770
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-f:]+")


def check_address(host: str, host_names: list[str], public: bool, insecure: bool) -> None:
    """Checks the options of the address before anything is opened.

    Raises:
        UserError: plain HTTP would leave this machine without --insecure, or a name is missing or is none.
    """
    if public and not host_names:
        raise UserError("--public needs the name that raters will use: add --host-name study.example.org")
    for name in host_names:
        if not _HOST_NAME.fullmatch(name):
            raise UserError(f"--host-name {name} is not a host name: give one without https:// and port")
    if not is_loopback(host):
        if not insecure:
            raise UserError(
                f"--host {host} would send links and answers unencrypted: use --public and a reverse proxy, "
                "or add --insecure on a network that you trust"
            )
        if ipaddress.ip_address(host).is_unspecified and not host_names:
            raise UserError(f"--host {host} needs the name or address that raters will use: add --host-name")


def is_loopback(host: str) -> bool:
    """Whether an IP address can be reached from this machine only.

    Raises:
        UserError: it is not an IP address.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UserError(f"--host {host} is not an IP address: give one, such as {LOOPBACK}") from error


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections on this address; port 0 means any that is free.

    Raises:
        UserError: the port is in use, or the address is not one of this machine.
    """
    # asyncio turns Nagle's algorithm off only where the protocol is given; with it on, responses take 40 ms longer.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        return listener
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} of {host} is in use: choose another one with --port") from error
        raise UserError(f"cannot listen on port {port} of {host}: {error}") from error
