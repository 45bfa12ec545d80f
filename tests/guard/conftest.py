"""Makes the package of hostile handlers importable as a package of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def ran():
    """Give the list of what ran of the hostile extension."""
    import hostile_extension

    hostile_extension.RAN.clear()
    yield hostile_extension.RAN
    hostile_extension.RAN.clear()


@pytest.fixture
def hostile(jp_server_config, ran):
    """Enable the hostile extension."""
    jp_server_config.ServerApp.jpserver_extensions["hostile_extension"] = True
