"""Run the reference service: `python -m enrollment.reference --port 8100 --database sqlite:///var/enrollment.db`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import uvicorn

from core.errors import HelpdeskError, SettingsError
from core.logs import set_up_logs
from core.settings import Settings, read_settings
from enrollment.reference.outbox import Receiver
from enrollment.reference.service import create_service
from enrollment.signing import request_signer, webhook_signer

DATABASE = "sqlite:///var/enrollment.db"


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code: 0 ended, 2 a setting is wrong."""
    options = _options()
    set_up_logs("INFO")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn hands the signal back once it has shut down
    try:
        current = read_settings(Path(os.devnull))
        service = create_service(
            options.database,
            current.enrollment_key,
            request_signer(current),
            _receiver(options.notify_url, current),
        )
    except HelpdeskError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        service,
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,  # addresses hold application ids
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
        ws="none",
    )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m enrollment.reference",
        description="The reference enrolment backend, with the demo families.",
        epilog="From the environment: HELPDESK_ENROLLMENT_KEY, which callers have to send; "
        "HELPDESK_ENROLLMENT_SIGNING with _SIGNING_KEY and _SIGNING_KEY_ID, by which they have to sign; "
        "HELPDESK_ENROLLMENT_WEBHOOK_KEY with _WEBHOOK_SIGNING and _WEBHOOK_KEY_ID, by which changes are signed.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8100, help="port to listen on (default: %(default)s)")
    parser.add_argument("--database", default=DATABASE, help="SQLAlchemy address (default: %(default)s)")
    parser.add_argument("--notify-url", default="", help="address that each step is sent to (default: nobody)")
    return parser.parse_args()


def _receiver(url: str, current: Settings) -> Receiver | None:
    if not url:
        return None
    signer = webhook_signer(current)
    if signer is None:
        raise SettingsError("HELPDESK_ENROLLMENT_WEBHOOK_KEY is empty; --notify-url needs it to sign what it sends")
    return Receiver(url, signer)


if __name__ == "__main__":
    sys.exit(main())
