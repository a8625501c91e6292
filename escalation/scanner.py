"""The hook for a virus scanner: a command that is given each file before it is opened."""

from __future__ import annotations

import logging
import shlex
import subprocess

from core.errors import FileRefusedError, UnavailableError

log = logging.getLogger(__name__)
_CLEAN, _REFUSED = 0, 1


def scan(command: str, content: bytes, seconds: float) -> None:
    """Give a file to the scanner on its standard input; an empty command scans nothing. Blocks.

    Raises:
        FileRefusedError: the scanner refuses it (exit code 1).
        UnavailableError: the scanner took longer than so many seconds, or ended otherwise: it is not known to be clean.
    """
    if not command:
        return
    try:
        ended = subprocess.run(  # noqa: S603  # the operator's own command, without a shell
            shlex.split(command),
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        ).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("attachment scanner: %s", type(error).__name__)
        raise UnavailableError("文件检查暂时不可用，请稍后再试。") from error
    if ended == _REFUSED:
        raise FileRefusedError("这个文件没有通过安全检查，不能上传。")
    if ended != _CLEAN:
        log.warning("attachment scanner: exit code %d", ended)
        raise UnavailableError("文件检查暂时不可用，请稍后再试。")
