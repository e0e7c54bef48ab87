"""The requests integration: what goes over the wire when a session carries an ``OAuth``."""
