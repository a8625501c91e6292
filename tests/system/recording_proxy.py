"""A reverse proxy on a real socket that keeps every byte which passes, both ways."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field


@dataclass
class Recording:
    """Where the proxy listens, and what has passed through it."""

    port: int
    passed: bytearray = field(default_factory=bytearray)


@contextmanager
def recording(target_port: int) -> Iterator[Recording]:
    """Pass connections on to a loopback port that may open later."""
    listener = socket.create_server(("127.0.0.1", 0))
    record = Recording(listener.getsockname()[1])
    threading.Thread(target=_accept, args=(listener, target_port, record), daemon=True).start()
    with closing(listener):
        yield record


def _accept(listener: socket.socket, target_port: int, record: Recording) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(client, target_port, record), daemon=True).start()


def _connect(client: socket.socket, target_port: int, record: Recording) -> None:
    with client:
        try:
            server = socket.create_connection(("127.0.0.1", target_port))
        except OSError:
            return
        with server:
            back = threading.Thread(target=_pass, args=(server, client, record), daemon=True)
            back.start()
            _pass(client, server, record)
            back.join()


def _pass(source: socket.socket, to: socket.socket, record: Recording) -> None:
    try:
        while piece := source.recv(65_536):
            record.passed += piece
            to.sendall(piece)
        to.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
