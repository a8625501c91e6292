"""Settings: valid by default, refused by name, secrets unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import PREFIX, ROOT, Settings, read_settings, settings_file

Read = Callable[..., Settings]
SECRET = "do-not-show-me"
FOLDERS = (
    "LOG_DIR",
    "ENROLLMENT_MAPPING",
    "TOKEN_PUBLIC_KEY_FILE",
    "DEMO_KEY_FILE",
    "AUDIT_KEY_FILE",
    "AUDIT_HEAD_FILE",
)


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*Settings.model_fields, "env_file"]:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read settings from a file with the given lines."""

    def read_lines(*lines: str) -> Settings:
        file = tmp_path / "helpdesk.env"
        file.write_text("\n".join(lines), encoding="utf-8")
        return read_settings(file)

    return read_lines


@pytest.mark.parametrize("name", Settings.model_fields)
def test_default_is_valid(name: str, tmp_path: Path) -> None:
    assert getattr(read_settings(tmp_path / "there is none"), name) == Settings.model_fields[name].default


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "eighty", "valid integer"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("PORT", "0", "greater than or equal to 1"),
        ("RASA_PORT", "-5", "greater than or equal to 1"),
        ("REFERENCE_PORT", "8100.5", "valid integer"),
        ("LIMIT_PER_ADDRESS", "often", "often"),
        ("LIMIT_PER_ADDRESS", "10 per fortnight", "10 per fortnight"),
        ("LIMIT_PER_CONVERSATION", "sixty", "rate limit"),
        ("LIMIT_EXEMPT", "here", "does not appear to be an IPv4 or IPv6 network"),
        ("TRUSTED_PROXIES", "300.1.1.1/8", "does not appear to be an IPv4 or IPv6 network"),
        ("TRUSTED_PROXIES", "127.0.0.1/32, 10.0.0.1/8", "host bits set"),
        ("LOG_LEVEL", "loud", "DEBUG|INFO|WARNING|ERROR"),
        ("RASA_TIMEOUT", "0", "greater than 0"),
        ("RASA_TIMEOUT", "nan", "less than or equal to 60"),
        ("ENROLLMENT_TIMEOUT", "inf", "less than or equal to 10"),
        ("ENROLLMENT_CONNECT_TIMEOUT", "0", "greater than 0"),
        ("ENROLLMENT_READ_TIMEOUT", "11", "less than or equal to 10"),
        ("ENROLLMENT_CONNECTIONS", "0", "greater than or equal to 1"),
        ("ENROLLMENT_CIRCUIT_FAILURES", "0", "greater than or equal to 1"),
        ("ENROLLMENT_CIRCUIT_SECONDS", "0", "greater than 0"),
        ("ENROLLMENT_SIGNING", "hmac-md5", "none|hmac-sha256|hmac-sm3"),
        ("ENROLLMENT_WEBHOOK_SIGNING", "none", "hmac-sha256|hmac-sm3"),
        ("REFERENCE_BACKEND", "perhaps", "valid boolean"),
        ("TOKEN_LEEWAY", "-1", "greater than or equal to 0"),
        ("TOKEN_JWKS_URL", "ftp://host.example/keys", "URL scheme should be 'http' or 'https'"),
        ("TOKEN_JWKS_URL", "/etc/keys.json", "valid URL"),
        ("TOKEN_JWKS_URL", "https://", "valid URL"),
        ("TOKEN_JWKS_REFRESH", "1", "greater than or equal to 10"),
        ("TOKEN_JWKS_KEEP", "60", "greater than or equal to 3600"),
        ("STAFF_LOCKOUT_FAILURES", "0", "greater than or equal to 1"),
        ("STAFF_IDLE_MINUTES", "0", "greater than 0"),
        ("STAFF_SESSION_HOURS", "100", "less than or equal to 72"),
        ("LIMIT_SIGN_IN", "often", "couldn't parse rate limit"),
        ("PUBLIC_URL", "https://help.example/desk", "scheme and host only"),
        ("OIDC_ISSUER", "http://id.example", "an issuer is an https address"),
        ("OIDC_ISSUER", "id.example", "an issuer is an https address"),
        ("METRICS_NETWORKS", "everywhere", "does not appear to be an IPv4 or IPv6 network"),
        ("MESSAGE_MAX_CHARS", "10", "greater than or equal to 50"),
        ("BATCH_ENDED_ON", "yesterday", "valid date"),
    ],
)
def test_wrong_value_is_refused_by_name(read: Read, name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=rf"HELPDESK_{name}: .*{reason}"):
        read(f"HELPDESK_{name}={value}")


OIDC = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "helpdesk", "OIDC_CLIENT_SECRET": SECRET}


@pytest.mark.parametrize("missing", OIDC)
def test_a_half_set_identity_provider_is_refused_by_the_missing_name(read: Read, missing: str) -> None:
    with pytest.raises(SettingsError, match=f"^HELPDESK_{missing}: set together, or none$") as refused:
        read(*(f"HELPDESK_{name}={value}" for name, value in OIDC.items() if name != missing))
    assert SECRET not in str(refused.value)


def test_a_whole_identity_provider_is_accepted(read: Read) -> None:
    current = read(*(f"HELPDESK_{name}={value}" for name, value in OIDC.items()))
    assert (current.oidc_issuer, SECRET in repr(current)) == ("https://id.example", False)


def test_all_wrong_values_are_named_at_once(read: Read) -> None:
    with pytest.raises(SettingsError, match=r"HELPDESK_PORT.*HELPDESK_LOG_LEVEL"):
        read("HELPDESK_PORT=x", "HELPDESK_LOG_LEVEL=x")


@pytest.mark.parametrize("name", ["HELPDESK_PROT", "HELPDESK_port", "HELPDESK_"])
def test_unknown_name_in_the_file_is_refused(read: Read, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} in .*helpdesk\.env: there is no such setting"):
        read(f"{name}=1")


def test_names_of_other_programs_in_the_file_are_left_alone(read: Read) -> None:
    assert read("PYTHONPATH=/somewhere", "HELPDESK_PORT=9000").port == 9000


def test_environment_beats_the_file(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPDESK_PORT", "9001")
    assert read("HELPDESK_PORT=9002", "HELPDESK_RASA_PORT=9003").port == 9001
    assert read("HELPDESK_PORT=9002", "HELPDESK_RASA_PORT=9003").rasa_port == 9003


def test_wrong_value_of_the_environment_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPDESK_PORT", "x")
    with pytest.raises(SettingsError, match="HELPDESK_PORT"):
        read()


@pytest.mark.parametrize(
    "name", ["ACTION_SECRET", "ENROLLMENT_KEY", "ENROLLMENT_SIGNING_KEY", "ENROLLMENT_WEBHOOK_KEY"]
)
def test_secret_is_not_shown(read: Read, name: str) -> None:
    current = read(f"HELPDESK_{name}={SECRET}")
    assert SECRET not in repr(current) + str(current) + str(current.model_dump())
    assert getattr(current, name.lower()).get_secret_value() == SECRET


def test_password_of_the_database_is_not_shown(read: Read) -> None:
    current = read(f"HELPDESK_DATABASE_URL=postgresql+psycopg://helpdesk:{SECRET}@db/helpdesk")
    assert SECRET not in repr(current)
    assert SECRET in current.database


@pytest.mark.parametrize("name", FOLDERS)
def test_empty_path_is_no_path(read: Read, name: str) -> None:
    assert getattr(read(f"HELPDESK_{name}="), name.lower()) is None


def test_relative_paths_start_at_the_project(read: Read) -> None:
    current = read("HELPDESK_VAR_DIR=somewhere", "HELPDESK_DEMO_KEY_FILE=/etc/key.pem", "HELPDESK_ENCODER=models/bge")
    assert current.var_dir == ROOT / "somewhere"
    assert current.demo_key_file == Path("/etc/key.pem")
    assert current.encoder_folder == ROOT / "models/bge"


def test_addresses_follow_ports_and_folders(read: Read, tmp_path: Path) -> None:
    current = read(
        f"HELPDESK_VAR_DIR={tmp_path}", "HELPDESK_RASA_PORT=7000", "HELPDESK_ENROLLMENT_URL=https://backend/"
    )
    assert current.database == f"sqlite:///{tmp_path}/helpdesk.db"
    assert current.log_folder == tmp_path
    assert (current.audit_key, current.audit_heads) == (tmp_path / "audit.key", tmp_path / "audit.heads")
    assert current.rasa == "http://127.0.0.1:7000"
    assert current.enrollment == "https://backend"


def test_settings_file_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_file() == ROOT / "helpdesk.env"
    monkeypatch.setenv("HELPDESK_ENV_FILE", "/etc/helpdesk.env")
    assert settings_file() == Path("/etc/helpdesk.env")


def test_example_file_is_accepted() -> None:
    assert read_settings(ROOT / "helpdesk.env.example").demo_key_file == ROOT / "var/demo-key.pem"


def test_settings_do_not_change(read: Read) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().port = 1  # type: ignore[misc]
