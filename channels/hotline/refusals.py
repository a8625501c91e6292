"""What an agent is told where a look-up is refused or the backend does not help: never anything of a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import ApiError, ConflictError, MalformedRequestError, NotFoundError, TooManyRequestsError
from enrollment.errors import EnrollmentError, NotOfferedError, OpenCircuitError, UnavailableError
from hotline import verification as rules
from hotline.lookups import NoSuchCallError, TooManyCodesError


class BackendSilentError(ApiError):
    """The enrolment backend gave no usable answer; nothing was counted against the caller."""

    status, code = 503, "enrollment_unavailable"


class VerificationNotOfferedError(ApiError):
    """The city's backend can't verify anybody on the telephone."""

    status, code = 501, "verification_not_offered"


class AuditUnavailableError(ApiError):
    """The audit log can't be written: nothing is shown."""

    status, code = 503, "audit_unavailable"


class VerificationLockedError(ConflictError):
    """Three wrong codes in this call."""

    code = "verification_locked"


class NoMoreCodesError(ConflictError):
    """Three codes were sent in this call."""

    code = "no_more_codes"


class NoCodeSentError(ConflictError):
    """There is no code to check."""

    code = "no_code_sent"


class AlreadyVerifiedError(ConflictError):
    """The caller is verified."""

    code = "already_verified"


_NO_CALL = "没有这通进行中的电话。"
_NOTHING_TO_SHOW = "没有可以查看的办件，请先核实来电人。"
_NOT_OFFERED = "这个城市的报名系统还不能发送验证码，电话里不能查办件。请来电人登录报名平台自己查询。"
_REST = "报名系统刚才多次没有回应，请过一会儿再试。期间请按官方问答解答。"
_NOT_SENT = "报名系统没有及时回应，不知道验证码是否已发出。请过一会儿重新发送，以新收到的验证码为准。"
_NOT_CHECKED = "报名系统没有及时回应，验证码还没有核对，也没有计入次数。请过一会儿再提交一次。"
_NOT_SHOWN = "报名系统没有及时回应，现在看不到办件。请过一会儿再试。"
_NOT_RECORDED = "查询记录现在无法保存，按规定不能查看办件。请稍后再试，并告诉系统管理员。"
_OPERATORS = "报名系统的接口出了问题，请告诉系统管理员。期间请按官方问答解答。"
_AFTER_SILENCE = {"send": _NOT_SENT, "check": _NOT_CHECKED, "show": _NOT_SHOWN}


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what the rules refuse into the API's errors."""
    try:
        yield
    except rules.VerificationError as error:
        raise _refusal(error) from error


def silence(error: EnrollmentError, step: str) -> ApiError:
    """Return what the agent is told when the backend failed at `send`, `check` or `show`."""
    if isinstance(error, NotOfferedError):
        return VerificationNotOfferedError(_NOT_OFFERED)
    if isinstance(error, OpenCircuitError):
        return BackendSilentError(_REST)
    return BackendSilentError(_AFTER_SILENCE[step] if isinstance(error, UnavailableError) else _OPERATORS)


def not_recorded() -> ApiError:
    """Return what the agent is told when the audit log could not be written."""
    return AuditUnavailableError(_NOT_RECORDED)


def nothing_to_show() -> ApiError:
    """Return the one refusal of whoever may not see a case, whatever the reason."""
    return NotFoundError(_NOTHING_TO_SHOW)


def _refusal(error: rules.VerificationError) -> ApiError:
    if isinstance(error, rules.TooSoonError):
        wait = error.seconds
        return TooManyRequestsError(f"验证码刚刚发送过，请{wait}秒后再发。", retry_after=wait)
    return _REFUSALS[type(error)]()


_REFUSALS: dict[type[rules.VerificationError], Callable[[], ApiError]] = {
    NoSuchCallError: lambda: NotFoundError(_NO_CALL),
    rules.EndedError: lambda: NotFoundError(_NO_CALL),
    rules.NoReasonError: lambda: MalformedRequestError("请选择查询原因。"),
    rules.NotVerifiedError: nothing_to_show,
    rules.LockedError: lambda: VerificationLockedError(
        "验证码已经错了3次，这通电话不能再查办件。请按官方问答解答，或请来电人登录报名平台自己查询。"
    ),
    rules.NoMoreCodesError: lambda: NoMoreCodesError("这通电话已经发送过3次验证码，不能再发。"),
    rules.NoCodeSentError: lambda: NoCodeSentError("还没有发送验证码，请先填写办件编号并发送。"),
    rules.AlreadyVerifiedError: lambda: AlreadyVerifiedError("来电人已经核实，可以直接查看办件。"),
    TooManyCodesError: lambda: TooManyRequestsError("您这一小时发送的验证码太多，请过一小时再发。", retry_after=3600),
}
