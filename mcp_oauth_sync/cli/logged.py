"""What the library warns of, told as everything else is."""

from __future__ import annotations

import logging

from .output import say


class _Told(logging.Handler):
    """Tells what is logged in a sentence, without the name of who logs it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it."""
        say(self.format(record))


def tell_warnings() -> None:
    """Have warnings told, where nobody has said what else to do with them."""
    logging.lastResort = _Told(logging.WARNING)
