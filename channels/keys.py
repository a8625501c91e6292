"""Where the keys come from that check parents' tokens: a PEM file, a JWKS address, the demo's own key."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import cast

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from channels.key_formats import Key, key_of, keys_of_pem, keys_of_set
from core.errors import SettingsError
from core.settings import Settings

log = logging.getLogger(__name__)
MAX_BYTES = 256 * 1024
_FETCH_SECONDS = 5.0
_PAUSE_SECONDS = 10.0
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class KeyAddress:
    """The keys at a JWKS address: asked for at intervals, and when a token names a key that is not known.

    PyJWT's own client is not used: it blocks, knows no limit of size or of the whole time, asks at every unknown `kid`
    while the address is down, and forgets its keys when they could not be refreshed in time.

    Args:
        address: where the set is; nothing is asked of it before `watch` or `named` runs.
        refresh: seconds from one question to the next.
        keep: seconds that known keys are used when the address no longer answers.
        patience: seconds for one whole answer.
        pause: least seconds between two questions that unknown names cause, and from a failure to the next try.
    """

    def __init__(
        self,
        address: str,
        refresh: float,
        keep: float,
        patience: float = _FETCH_SECONDS,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._address, self._refresh, self._keep, self._patience, self._pause = address, refresh, keep, patience, pause
        self._keys: tuple[Key, ...] = ()
        self._got_at = self._asked_at = -math.inf
        self._asking: asyncio.Task[bool] | None = None
        self._client = httpx.AsyncClient(
            headers=_HEADERS, timeout=patience, trust_env=False, verify=httpx.create_ssl_context()
        )

    @property
    def keys(self) -> tuple[Key, ...]:
        """What the address said last; empty if that was too long ago."""
        return self._keys if time.monotonic() - self._got_at <= self._keep else ()

    async def named(self, kid: str) -> list[Key]:
        """Return the keys of that name; a name that is not known may be new, so the address is asked, but not often."""
        found = [key for key in self.keys if key.kid == kid]
        if not found and (self._is_asking or time.monotonic() - self._asked_at >= self._pause):
            await self._ask()
            found = [key for key in self.keys if key.kid == kid]
        return found

    async def watch(self) -> None:
        """Ask now and at intervals, until cancelled."""
        while True:
            answered = await self._ask()
            await asyncio.sleep(self._refresh if answered else min(self._refresh, self._pause))

    async def aclose(self) -> None:
        """Stop asking and close the connections."""
        if self._asking:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
        await self._client.aclose()

    @property
    def _is_asking(self) -> bool:
        return self._asking is not None and not self._asking.done()

    async def _ask(self) -> bool:
        """Ask the address, or wait with others for the answer under way; return whether it gave a set."""
        if self._asking is None or self._asking.done():
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._take_answer())
        return await asyncio.shield(self._asking)

    async def _take_answer(self) -> bool:
        try:
            keys, others = keys_of_set(await self._fetch())
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            fault = str(error) if type(error) is ValueError else type(error).__name__
            log.warning("token keys: the address gave none (%s); %d are known still", fault, len(self.keys))
            return False
        except Exception:
            log.exception("token keys: asking failed; %d are known still", len(self.keys))
            return False
        if keys != self._keys:
            log.info("token keys: %d are known now; the set has %d that are not used", len(keys), others)
        if not keys:
            log.error("token keys: the set has none that can be used, of %d", others)
        self._keys, self._got_at = keys, time.monotonic()
        return True

    async def _fetch(self) -> bytes:
        body = bytearray()
        async with asyncio.timeout(self._patience), self._client.stream("GET", self._address) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"status {response.status_code}")
            async for chunk in response.aiter_raw():  # as sent: nothing is unpacked to more than was counted
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"longer than {MAX_BYTES} bytes")
        return bytes(body)


class TokenKeys:
    """Every key that may have signed a parent's token.

    Raises:
        SettingsError: the key file can't be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._fixed = _keys_of_file(settings.token_public_key_file) if settings.token_public_key_file else ()
        if settings.demo_key_file:
            self._fixed += (key_of(demo_key(settings.demo_key_file).public_key()),)
        url, refresh, keep = settings.token_jwks_url, settings.token_jwks_refresh, settings.token_jwks_keep
        self._address = KeyAddress(str(url), refresh, keep) if url else None

    @property
    def known(self) -> bool:
        """Whether tokens of the host app can be checked: with an address, whether it has given keys."""
        return bool(self._address.keys if self._address else self._fixed)

    async def named(self, kid: str | None) -> list[Key]:
        """Return the keys that may check a token of that `kid`: those of the name, and those without one."""
        found = await self._address.named(kid) if self._address and kid else []
        return [*found, *self._fixed]

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Keep asking the address, if there is one, in the background; nobody waits for its first answer."""
        if self._address is None:
            yield
            return
        watching = asyncio.create_task(self._address.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await self._address.aclose()


def _keys_of_file(path: Path) -> tuple[Key, ...]:
    try:
        return keys_of_pem(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"HELPDESK_TOKEN_PUBLIC_KEY_FILE: {path} can't be used: {error}") from error


@lru_cache(maxsize=4)
def demo_key(path: Path) -> Ed25519PrivateKey:
    """Return the demo's key; made at first use, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        fresh = path.with_suffix(f".{uuid.uuid4().hex}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(pem)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return cast("Ed25519PrivateKey", load_pem_private_key(path.read_bytes(), password=None))
