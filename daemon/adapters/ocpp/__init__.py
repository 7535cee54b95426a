"""The stations' side of the daemon: OCPP-J over WebSockets."""

from daemon.adapters.ocpp.server import OcppServer

__all__ = ["OcppServer"]
