"""A small server on a real socket that misbehaves as told: one behaviour for each connection, the last one repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FaultServer:
    behaviours: list[Behaviour]
    url: str = ""
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                self.requests.append(await _read_request(reader))
                number = min(len(self.requests), len(self.behaviours)) - 1
                await self.behaviours[number](writer)
                await writer.drain()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


@asynccontextmanager
async def fault_server(*behaviours: Behaviour) -> AsyncIterator[FaultServer]:
    """Serve with the behaviours; afterwards end every connection."""
    faults = FaultServer(list(behaviours))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(faults.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    faults.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield faults
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def reply(
    body: bytes | Any,
    *,
    status: str = "200 OK",
    kind: str = "application/json",
    extra: str = "",
    length: int | None = None,
) -> Behaviour:
    """Send one reply; `length` lies about the body's length."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    announced = len(payload) if length is None else length
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {announced}\r\nConnection: close\r\n{extra}\r\n"
    )
    return raw(head.encode() + payload)


def raw(data: bytes) -> Behaviour:
    """Send these bytes and close."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return behave


def dripping(data: bytes, every: float) -> Behaviour:
    """Send one byte each `every` seconds."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every)

    return behave


def stuck(data: bytes) -> Behaviour:
    """Send these bytes and no more, but keep the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(3600)

    return behave


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Never reply."""
    await asyncio.sleep(3600)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection."""
    writer.transport.abort()
