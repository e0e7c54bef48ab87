"""Tests of the stores: the layout on disk, the modes, the system calls, damage, names, and turn-taking."""
