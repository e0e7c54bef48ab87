"""``python -m mcp_oauth_sync``: the command line."""

import sys

from .cli import main

sys.exit(main())
