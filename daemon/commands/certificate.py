"""When a certificate ends, with the standard library alone."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path


def expiry_of(certificate: Path, private_key: Path) -> datetime:
    """The end of validity of the first certificate in a PEM file.

    The standard library reads certificates only as a peer's: so one handshake is held in memory,
    with the certificate itself as the anchor of trust. Raises OSError where a file cannot be read,
    ssl.SSLError where they do not fit or the certificate is not valid now.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, private_key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client_context.load_verify_locations(certificate)

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    # The client is done after it has heard the server once: hello, the server's answer, finished.
    for side in (client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    client.do_handshake()
    peer = client.getpeercert()
    assert peer is not None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer["notAfter"])), UTC)
