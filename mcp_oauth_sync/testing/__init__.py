"""For those who write a store, a prompt or a grant of their own: the definitions of one that works."""

from .contract import StoreContract
from .grants import GrantContract
from .prompts import PromptContract
from .token_server import Answer, Asked

__all__ = ["Answer", "Asked", "GrantContract", "PromptContract", "StoreContract"]
