"""A certificate authority of our own for https on the loopback."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import trustme


class LocalCA(NamedTuple):
    """The PEM file a client must trust, and the SSL context for servers on 127.0.0.1 and localhost."""

    ca_pem: Path
    context: ssl.SSLContext


def local_ca(tmp_path: Path, *names: str) -> LocalCA:
    """Make a CA and a server certificate for the names (default: the loopback)."""
    ca = trustme.CA()
    pem = tmp_path / "local-ca.pem"
    ca.cert_pem.write_to_path(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ca.issue_cert(*(names or ("127.0.0.1", "localhost", "::1"))).configure_cert(context)
    return LocalCA(pem, context)
