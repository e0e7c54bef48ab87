"""The keys that a sign-in is sealed to: the public one goes to who seals, the private one stays where it is opened."""

from __future__ import annotations

import attrs

from ..models.secret import Secret
from .sealed_text import PRIVATE, PUBLIC, read_key, written


@attrs.frozen(kw_only=True)
class ExportKeyPair:
    """A pair of keys, as text that can be copied.

    Attributes:
        public: "mcp-oauth-sync.1.public." and the key in base64url.
        private: The same with "private"; never shown by ``repr``.

    Example::

        keys = ExportKeyPair.generate()                                     # on the server
        sealed = laptop.export_sign_in("notion", public_key=keys.public)    # on the laptop
        server.import_sign_in(sealed, private_key=keys.private)             # on the server
    """

    public: str
    private: str = attrs.field(repr=False, converter=Secret)

    @classmethod
    def generate(cls) -> ExportKeyPair:
        """Make a new pair."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        return cls._of(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_private(cls, private_key: str) -> ExportKeyPair:
        """Return the pair of a private key.

        Args:
            private_key: As ``private``.

        Raises:
            TokenStorageError: It is no private key.
        """
        return cls._of(read_key(private_key, PRIVATE))

    @classmethod
    def _of(cls, raw: bytes) -> ExportKeyPair:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        public = X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        return cls(public=written(PUBLIC, public), private=written(PRIVATE, raw))
