"""OCPP 2.0.1 as one dialect of the vocabulary."""

from __future__ import annotations

from protocol.ocpp.dialect import Dialect
from protocol.ocpp.model import Version
from protocol.ocpp.v201 import decode, encode

# Part 4, CALLERROR.
ERROR_CODES = {
    code: code
    for code in (
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    )
}

DIALECT = Dialect(
    version=Version.V201,
    calls=decode.CALLS,
    reply=encode.reply,
    command=encode.command,
    answered=decode.answered,
    error_codes=ERROR_CODES,
)
