"""Passwords: what will do as one, and their hashes (argon2id)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

SHORTEST, LONGEST = 10, 128
_FEWEST_DIFFERENT = 5
_COMMON = Path(__file__).parent / "common_passwords.txt"
# Whoever guesses goes along these; a password that is a piece of one is no password.
_ROWS = ("01234567890" * 3, "abcdefghijklmnopqrstuvwxyz" * 2, "qwertyuiopasdfghjklzxcvbnm" * 2, "1q2w3e4r5t6y7u8i9o0p")


class Passwords:
    """Hashes and checks passwords; both take a tenth of a second or so and 64 MiB, on purpose."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._nobodys = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return the hash that is kept instead of the password."""
        return self._hasher.hash(_normal(password))

    def check(self, known: str | None, password: str) -> bool:
        """Whether it is the password; where there is none, the same time goes by and the answer is no."""
        try:
            return self._hasher.verify(known or self._nobodys, _normal(password)) and known is not None
        except VerifyMismatchError:
            return False

    def is_outdated(self, known: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(known)


def refuse_weak(password: str, login: str) -> None:
    """Refuse what is guessed first.

    Raises:
        ValueError: it is too short or too long, the login, a row of keys, or a common one; says which.
    """
    plain = _normal(password).casefold()
    if not SHORTEST <= len(plain) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    mine = login.casefold()
    if mine in (plain, plain[::-1]) or (mine in plain and plain.replace(mine, "").isdigit()):
        raise ValueError("a password is not the login, nor the login with digits")
    if len(set(plain)) < _FEWEST_DIFFERENT or _is_row(plain) or plain in _common():
        raise ValueError("this password is among the first that are guessed: take another")


def _is_row(plain: str) -> bool:
    return any(plain in row or plain in row[::-1] for row in _ROWS)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split())


def _normal(password: str) -> str:
    """Return it as one sequence of characters, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password)
