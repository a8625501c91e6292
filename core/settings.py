"""All settings: one table of name, default and meaning, read from the environment and from `helpdesk.env`.

Each field `x` is set by `HELPDESK_X`. A wrong value raises `SettingsError` that names the setting.
`docs/settings.md` is made from this table and checked against it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SettingsError

PREFIX = "HELPDESK_"
ROOT = Path(__file__).resolve().parent.parent


def settings_file() -> Path:
    """Return the settings file: `HELPDESK_ENV_FILE`, else `helpdesk.env` in the project's folder."""
    return Path(os.environ.get(PREFIX + "ENV_FILE", ROOT / "helpdesk.env"))


class Settings(BaseSettings):
    """Every setting of the product."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, env_file_encoding="utf-8", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address that the HTTP service listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the HTTP service.")
    var_dir: Path = Field(ROOT / "var", description="Folder for models, indexes and the embedded databases.")
    database_url: str = Field(
        "",
        repr=False,
        description="SQLAlchemy address of the conversations' database; empty: SQLite under the var folder.",
    )
    audit_key_file: Path | None = Field(
        None, description="Key that seals the audit log, made at first use; empty: `audit.key` in the var folder."
    )
    audit_head_file: Path | None = Field(
        None,
        description="File to which the audit log's heads are appended; best on another machine's append-only storage. "
        "Empty: `audit.heads` in the var folder.",
    )
    audit_head_records: int = Field(100, ge=1, le=100_000, description="Looks after which an audit head is written.")
    audit_head_seconds: float = Field(
        60.0, gt=0, le=86_400, description="Seconds after a look by which an audit head is written."
    )
    log_dir: Path | None = Field(None, description="Folder for the parts' logs; empty: the var folder.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe level logged.")

    rasa_port: int = Field(5005, ge=1, le=65535, description="Loopback port on which `helpdesk serve` starts Rasa.")
    rasa_url: str = Field("", description="Address of Rasa; empty: loopback on the Rasa port.")
    rasa_timeout: float = Field(6.0, gt=0, le=60, description="Seconds to wait for Rasa before answering without it.")
    rasa_python: Path = Field(
        ROOT / ".venv-rasa/bin/python",
        description="Python of the Rasa environment, for `train` and `serve`.",
    )
    action_secret: SecretStr = Field(
        SecretStr(""),
        description="Shared secret of Rasa and the action webhook; empty: `serve` makes one at each start.",
    )

    encoder: str = Field(
        "",
        description="Folder of a SentenceTransformer to use instead of our own encoder, e.g. bge-small-zh-v1.5.",
    )

    enrollment_url: str = Field("", description="Address of the enrolment backend; empty: the reference backend's.")
    enrollment_key: SecretStr = Field(SecretStr(""), description="Key for the enrolment backend; no default.")
    enrollment_timeout: float = Field(2.0, gt=0, le=10, description="Seconds in all for one look-up at the backend.")
    enrollment_connect_timeout: float = Field(
        1.0, gt=0, le=10, description="Seconds to reach the backend, or to get one of our connections to it."
    )
    enrollment_read_timeout: float = Field(
        2.0, gt=0, le=10, description="Seconds of silence within the backend's reply after which it counts as hung."
    )
    enrollment_connections: int = Field(50, ge=1, le=1000, description="Most connections to the backend at once.")
    enrollment_circuit_failures: int = Field(
        5, ge=1, le=1000, description="Look-ups in a row without an answer after which the backend is left in peace."
    )
    enrollment_circuit_seconds: float = Field(
        15.0, gt=0, le=600, description="Seconds for which it is left in peace before one look-up tries it again."
    )
    enrollment_mapping: Path | None = Field(
        None, description="YAML file with the backend's paths, names and words; empty: `enrollment/mapping.yml`."
    )
    enrollment_signing: str = Field(
        "none",
        pattern="^(none|hmac-sha256|hmac-sm3)$",
        description="How calls to the backend are signed: none, hmac-sha256 or hmac-sm3.",
    )
    enrollment_signing_key: SecretStr = Field(
        SecretStr(""), description="Key that signs calls to the backend, at least 16 characters; no default."
    )
    enrollment_signing_key_id: str = Field("helpdesk", description="Name under which the backend knows that key.")
    enrollment_webhook_signing: str = Field(
        "hmac-sha256",
        pattern="^(hmac-sha256|hmac-sm3)$",
        description="How the backend signs the changes that it sends: hmac-sha256 or hmac-sm3.",
    )
    enrollment_webhook_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs the changes that the backend sends, at least 16 characters; empty: none are "
        "accepted, but `serve` makes one at each start for the reference backend.",
    )
    enrollment_webhook_key_id: str = Field("backend", description="Name under which we know that key.")
    enrollment_poll_seconds: float = Field(
        0, ge=0, le=3600, description="How often the backend is asked for changes, where it sends none; 0: never."
    )
    reference_backend: bool = Field(False, description="Whether `serve` also starts the reference backend (demo only).")
    reference_port: int = Field(8100, ge=1, le=65535, description="Loopback port of the reference backend.")

    token_public_key_file: Path | None = Field(
        None,
        description="PEM file with the public keys, one or several, of the host app that signs parents' tokens.",
    )
    token_jwks_url: HttpUrl | None = Field(
        None, description="JWKS address of the host app's public keys, http(s); may be set beside the key file."
    )
    token_jwks_refresh: int = Field(300, ge=10, le=3600, description="Seconds between two looks at the JWKS address.")
    token_jwks_keep: int = Field(
        86400,
        ge=3600,
        le=604800,
        description="Seconds that known keys are used while the JWKS address does not answer.",
    )
    token_issuer: str = Field("enrolment-app", description="Required `iss` of parents' tokens.")
    token_audience: str = Field("helpdesk", description="Required `aud` of parents' tokens.")
    token_leeway: int = Field(30, ge=0, le=120, description="Clock skew in seconds that is accepted in a token.")
    sign_in_hours: float = Field(
        12.0, gt=0, le=72, description="How long a parent counts as signed in after the last accepted token."
    )
    demo_key_file: Path | None = Field(
        None,
        description="Private key that signs demo tokens; made at first use. Set: the demo page and `demo token` exist.",
    )

    staff_lockout_failures: int = Field(
        5, ge=1, le=100, description="Wrong passwords in a row after which an account of staff is locked."
    )
    staff_lockout_minutes: float = Field(15.0, gt=0, le=1440, description="Minutes for which it is locked.")
    staff_session_hours: float = Field(
        12.0, gt=0, le=72, description="Hours after which staff sign in anew, whatever they do."
    )
    staff_idle_minutes: float = Field(
        120.0, gt=0, le=1440, description="Minutes without a call after which staff sign in anew."
    )
    public_url: HttpUrl | None = Field(
        None,
        description="Address under which browsers reach this service, without a path; empty: as each call names it. "
        "The identity provider sends staff back to it.",
    )
    oidc_issuer: str = Field(
        "",
        description="Issuer of the OpenID Connect provider that staff may sign in with, https (http on this machine "
        "only); set together with the client's id and secret; empty: passwords alone.",
    )
    oidc_client_id: str = Field("", description="Name under which the provider knows this service.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Secret that belongs to it; no default.")
    oidc_name: str = Field(
        "", max_length=20, description="The provider's name on the sign-in page; empty: 统一身份认证."
    )
    hotline_codes_per_hour: int = Field(
        60,
        ge=1,
        le=10_000,
        description="One-time codes for callers that one agent may have sent within an hour, over all calls.",
    )

    limit_per_address: str = Field("600/minute", description="Calls per client address that change something.")
    limit_per_conversation: str = Field("60/minute", description="Messages per conversation.")
    limit_sign_in: str = Field("30/minute", description="Tries of staff to sign in per client address.")
    limit_exempt: str = Field(
        "127.0.0.1/32,::1/128",
        description="Networks whose direct calls are not limited; calls that a proxy passes on are.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1/32,::1/128", description="Networks whose X-Forwarded-For header names the client."
    )
    metrics_networks: str = Field(
        "127.0.0.1/32,::1/128", description="Networks whose direct calls may read /metrics; for others it is not there."
    )
    embed_origins: str = Field(
        "", description="Origins, comma-separated, that may embed the widget; empty: the same one."
    )
    message_max_chars: int = Field(500, ge=50, le=4000, description="Longest message in characters.")

    retention_days: int = Field(
        180,
        ge=1,
        le=3650,
        description="Days after its last message from which on `helpdesk privacy purge` deletes a conversation.",
    )
    escalation_rules: Path | None = Field(
        None,
        description="Folder with `levels.yml`, `routing.yml` and `calendar.yml` of the tickets; empty: `escalation/`.",
    )
    attachment_scanner: str = Field(
        "",
        description="Command that gets each file added to a ticket on its standard input: exit code 0 lets it in, 1 "
        "refuses it, anything else has it tried again later; empty: files are not scanned.",
    )
    attachment_scanner_seconds: float = Field(
        20.0, gt=0, le=120, description="Seconds that the scanner may take for one file."
    )
    handback_after_minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        description="Minutes after which the bot has a conversation again whose person is not at its page any more.",
    )
    notifier_url: HttpUrl | None = Field(
        None,
        description="Address that is told by POST that a signed-in guardian's ticket has news that no open page of "
        "theirs shows; empty: nobody is told outside the chat.",
    )
    notifier_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs these calls by hmac-sha256, at least 16 characters; set together with the address.",
    )
    notifier_after_seconds: float = Field(
        60.0, gt=0, le=86_400, description="Seconds for which such news may be seen in the chat before it is told of."
    )
    batch_ended_on: date = Field(
        date(2025, 8, 31),
        description="Last day of the Chongqing document's enrolment period; later answers carry its note.",
    )

    @field_validator("limit_exempt", "trusted_proxies", "metrics_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in filter(None, (part.strip() for part in value.split(","))):
            ip_network(network)
        return value

    @field_validator("limit_per_address", "limit_per_conversation", "limit_sign_in")
    @classmethod
    def _rate(cls, value: str) -> str:
        from limits import parse

        parse(value)
        return value

    @field_validator(
        "var_dir",
        "log_dir",
        "rasa_python",
        "enrollment_mapping",
        "token_public_key_file",
        "demo_key_file",
        "audit_key_file",
        "audit_head_file",
        "escalation_rules",
    )
    @classmethod
    def _from_root(cls, value: Path | None) -> Path | None:
        return None if value is None else ROOT / value

    @field_validator("attachment_scanner")
    @classmethod
    def _command(cls, value: str) -> str:
        words = shlex.split(value)
        if words and not shutil.which(words[0]):
            raise ValueError("its first word is no program that can be run")
        return value

    @field_validator("public_url")
    @classmethod
    def _no_path(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value and (value.path != "/" or value.query or value.fragment):
            raise ValueError("write scheme and host only, e.g. https://help.example")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        address = urlsplit(value)
        here = address.hostname in ("127.0.0.1", "localhost")
        if value and not (address.hostname and address.scheme in (("https", "http") if here else ("https",))):
            raise ValueError("an issuer is an https address")
        return value

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        parts = {
            "oidc_issuer": self.oidc_issuer,
            "oidc_client_id": self.oidc_client_id,
            "oidc_client_secret": self.oidc_client_secret.get_secret_value(),
        }
        _check_whole(parts)
        return self

    @model_validator(mode="after")
    def _notifier_is_whole(self) -> Self:
        _check_whole({"notifier_url": self.notifier_url, "notifier_key": self.notifier_key.get_secret_value()})
        return self

    @property
    def database(self) -> str:
        """SQLAlchemy address of the conversations' database."""
        return self.database_url or f"sqlite:///{self.var_dir / 'helpdesk.db'}"

    @property
    def audit_key(self) -> Path:
        """File of the key that seals the audit log."""
        return self.audit_key_file or self.var_dir / "audit.key"

    @property
    def audit_heads(self) -> Path:
        """File to which the audit log's heads are appended."""
        return self.audit_head_file or self.var_dir / "audit.heads"

    @property
    def log_folder(self) -> Path:
        """Folder of the parts' logs."""
        return self.log_dir or self.var_dir

    @property
    def encoder_folder(self) -> Path | None:
        """Folder of the encoder to use instead of our own."""
        return ROOT / self.encoder if self.encoder else None

    @property
    def rasa(self) -> str:
        """Base address of Rasa."""
        return (self.rasa_url or f"http://127.0.0.1:{self.rasa_port}").rstrip("/")

    @property
    def enrollment(self) -> str:
        """Base address of the enrolment backend."""
        return (self.enrollment_url or f"http://127.0.0.1:{self.reference_port}").rstrip("/")


def _check_whole(parts: Mapping[str, object]) -> None:
    missing = [PREFIX + name.upper() for name, value in parts.items() if not value]
    if missing and len(missing) < len(parts):
        raise PydanticCustomError("half_set", "{names}: set together, or none", {"names": ", ".join(missing)})


def read_settings(file: Path | None = None) -> Settings:
    """Read the settings from the environment and the settings file.

    Args:
        file: the file to read; by default `settings_file()`. It need not exist.

    Raises:
        SettingsError: a value is wrong, or the file has a `HELPDESK_…` name that is none of ours; the message names it.
    """
    path = file or settings_file()
    _refuse_unknown(path)
    try:
        return Settings(_env_file=path)
    except ValidationError as error:
        raise SettingsError("; ".join(_line(one) for one in error.errors())) from error


def _line(error: object) -> str:
    if not error["loc"]:  # type: ignore[index]  # of several settings together; the message names one
        return str(error["msg"])  # type: ignore[index]
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {error['msg']} (value: {_shown(error)})"  # type: ignore[index]


def _shown(error: object) -> str:
    name = str(error["loc"][0])  # type: ignore[index]
    return "hidden" if name.endswith(("key", "secret", "database_url")) else repr(error["input"])  # type: ignore[index]


def _refuse_unknown(path: Path) -> None:
    from dotenv import dotenv_values

    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = set(dotenv_values(path)) if path.exists() else set()
    if unknown := sorted(name for name in given - known if name.startswith(PREFIX)):
        raise SettingsError(f"{unknown[0]} in {path}: there is no such setting; docs/settings.md lists them all")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the process's settings, read once."""
    return read_settings()
