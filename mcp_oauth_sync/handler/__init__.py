"""The door for many servers by name, and for headers that another program sends."""

from .handler import OAuthHandler

__all__ = ["OAuthHandler"]
