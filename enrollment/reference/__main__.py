"""Run the reference service: `python -m enrollment.reference --port 8100 --database sqlite:///var/enrollment.db`."""

from __future__ import annotations

import argparse
import os
import signal
import sys

import uvicorn
from pydantic import SecretStr

from core.errors import HelpdeskError
from core.logs import set_up_logs
from enrollment.reference.service import create_service

KEY_VARIABLE = "HELPDESK_ENROLLMENT_KEY"
DATABASE = "sqlite:///var/enrollment.db"


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code: 0 ended, 2 a setting is wrong."""
    options = _options()
    set_up_logs("INFO")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn hands the signal back once it has shut down
    try:
        service = create_service(options.database, SecretStr(os.environ.get(KEY_VARIABLE, "")))
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
        epilog=f"The key that callers have to send is read from {KEY_VARIABLE}.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8100, help="port to listen on (default: %(default)s)")
    parser.add_argument("--database", default=DATABASE, help="SQLAlchemy address (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
