"""Whose sign-ins a command works on."""

from __future__ import annotations

import argparse

from ..stores import TokenManager, default_manager


def manager_for(options: argparse.Namespace) -> TokenManager:
    """Return the manager of the profile named on the command line, else of the environment's.

    Raises:
        StoreUnavailableError: The store cannot be used here.
        ValueError: The profile has characters it must not have.
    """
    manager = default_manager()
    return manager if options.profile is None else manager.in_profile(options.profile)
