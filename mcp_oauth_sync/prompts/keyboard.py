"""The keys pressed at the terminal of this process, one by one and unseen, while somebody waits for them."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Keyboard(ABC):
    """Keys, read by one thread and ended by another."""

    @abstractmethod
    def begin(self) -> bool:
        """Take the keys over; tell whether that was possible."""

    @abstractmethod
    def read(self, seconds: float) -> str:
        """Wait for a key.

        Args:
            seconds: The longest wait.

        Returns:
            What was pressed, one character; empty when nothing came.
        """

    @abstractmethod
    def wake(self) -> None:
        """End a wait at once, from another thread."""

    @abstractmethod
    def release(self) -> None:
        """Leave the terminal as it was found."""

    def close(self) -> None:
        """Let go of everything, after the last read."""
