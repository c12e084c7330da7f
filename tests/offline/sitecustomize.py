"""Keep a Python process of the tests on this machine: Python runs this at its start, from PYTHONPATH."""

import ipaddress
import socket
import sys

HERE = {None, "", b"", "localhost", "0.0.0.0", "::", socket.gethostname()}


def is_here(host: object) -> bool:
    """True for this machine's own names, and for addresses of its loopback."""
    if host in HERE:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def refuse(event: str, arguments: tuple) -> None:
    """Refuse to look up, or to speak to, any other host: an audit hook, so no library gets round it."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not is_here(host):
        raise PermissionError(f"a test may reach this machine only, not {host}")


sys.addaudithook(refuse)
