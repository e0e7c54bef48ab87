"""Which step a request needs: the token at hand, a stored one, a refresh, a step-up, or a person.

One :class:`Authorizer` serves one sign-in; any number of threads share it. Refreshing and signing in take
turns among threads and processes; no turn is held while a request of the caller is under way.
"""

from .attempts import Attempts
from .authorizer import Authorizer

__all__ = ["Attempts", "Authorizer"]
