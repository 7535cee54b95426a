"""OCPP 1.6J as one dialect of the vocabulary."""

from __future__ import annotations

from protocol.ocpp.dialect import Dialect
from protocol.ocpp.model import Version
from protocol.ocpp.v16 import decode, encode

# OCPP-J 1.6 section 4.2.3, its misspelling included. It knows no RpcFrameworkError, and wants an
# unknown message type ignored (section 4.1.3).
ERROR_CODES = {
    "FormatViolation": "FormationViolation",
    "GenericError": "GenericError",
    "InternalError": "InternalError",
    "MessageTypeNotSupported": None,
    "NotImplemented": "NotImplemented",
    "NotSupported": "NotSupported",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "PropertyConstraintViolation": "PropertyConstraintViolation",
    "ProtocolError": "ProtocolError",
    "RpcFrameworkError": "FormationViolation",
    "SecurityError": "SecurityError",
    "TypeConstraintViolation": "TypeConstraintViolation",
}

DIALECT = Dialect(
    version=Version.V16,
    calls=decode.CALLS,
    reply=encode.reply,
    command=encode.command,
    answered=decode.answered,
    error_codes=ERROR_CODES,
)
