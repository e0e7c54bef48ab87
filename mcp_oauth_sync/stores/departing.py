"""Sign-ins that leave for another machine, sealed, and are marked where they come from.

A refresh token is used up by its first use wherever servers rotate them, and one that is used twice ends the whole
sign-in (RFC 9700 section 4.14). So one machine may go on with it, and the other one may not: what is left behind is
who we are to the server, and the day it was moved. The tokens are not there any more. The mark is made before the
text is given out: a process that is killed in between costs a new sign-in, and never a quarrel between two machines.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..exceptions import TokenStorageError
from ..models.record import ServerRecord
from ..models.secret import Secret
from .sign_ins import SignIns

logger = logging.getLogger(__name__)


class DepartingSignIns(SignIns):
    """Sign-ins that can leave. Made as :class:`SignIns`."""

    def export_sign_in(
        self,
        name: str,
        *,
        password: str | None = None,
        public_key: str | None = None,
        keep: bool = False,
        deliver: Callable[[str], object] | None = None,
    ) -> str:
        """Seal a sign-in for another machine, and stop using it here.

        Most servers rotate refresh tokens: of two machines that have the same one, the second to renew ends the
        sign-in of both. So its tokens are removed here, in the same turn. Who holds them in memory may use the access
        token until it expires and never renews it. ``auth`` signs in anew here; importing the text here takes it back.

        The text holds all that the sign-in is, and is good for as long as that. Import it once, on one machine.

        Args:
            name: The sign-in.
            password: Opens it again; None when there is a key.
            public_key: Of an :class:`ExportKeyPair`, or from :meth:`receiving_key`; None when there is a password.
            keep: True leaves it usable here too: right only where the server does not rotate refresh tokens.
            deliver: Given the text before the turn is over; what it raises leaves the sign-in here. None only
                returns the text.

        Returns:
            One line of printable ASCII.

        Raises:
            ValueError: Not exactly one of password and key was given.
            TokenStorageError: There is no such sign-in, it is signed out or was moved before, the password is empty,
                or the key is none; or it could not be marked, and nothing was exported.
            StoreCorruptError: It cannot be read.
        """
        if (password is None) is (public_key is None):
            raise ValueError("give either a password or a public_key")
        from ..models.parcel import Parcel  # what only an export needs is loaded for one
        from .sealed_text import LONGEST, seal_to_key, seal_with_password

        seal = seal_to_key(public_key) if public_key is not None else seal_with_password(Secret(password or ""))
        with self.exclusive(name):
            record, now = self.movable(name), time.time()
            sealed = seal(Secret(Parcel(name=name, exported_at=now, record=record).to_json()))
            if len(sealed) > LONGEST:
                raise TokenStorageError(f"The sign-in {name!r} is too large to be sealed as text.", name=name)
            if keep:
                _warn_of_rotation(name, record)
            else:
                self.save_record(name, record.moved(now))
            try:
                if deliver is not None:
                    deliver(sealed)
            except BaseException:
                if not keep:
                    self.save_record(name, record)
                raise
        return sealed

    def movable(self, name: str) -> ServerRecord:
        """Return a sign-in that can be taken along.

        Raises:
            TokenStorageError: There is none, or it is signed out or was moved before.
            StoreCorruptError: It cannot be read.
        """
        record = self.load_record(name)
        if record is not None and record.tokens is not None:
            return record
        if record is None:
            problem, hint = f"There is no sign-in called {name!r}.", "'mcp-oauth-sync list' shows what there is."
        elif record.moved_on:
            problem = f"The sign-in {name!r} was moved to another machine on {record.moved_on}."
            hint = "Export it there, or sign in anew here."
        else:
            problem, hint = f"The sign-in {name!r} is signed out: there is nothing to take along.", "Sign in first."
        raise TokenStorageError(problem, hint=hint, store=self.store.name, name=name)


def _warn_of_rotation(name: str, record: ServerRecord) -> None:
    if record.tokens is not None and record.tokens.refresh_token is not None:
        logger.warning(
            "the sign-in %r can be used on both machines now: if its server rotates refresh tokens, "
            "the second one to renew it ends it on both",
            name,
        )
