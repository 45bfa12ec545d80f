"""The benchmark of the engine runs, and all engines agree."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "engine.py"
MISSING = [name for name in ("casbin", "cedarpy") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("CI"), reason=f"not installed: {', '.join(MISSING)}"
)
def test_all_engines_agree():
    """One small run prints a table with every engine, and no two answers differ."""
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Times a bare dict hit", "Cedar", "pycasbin, fast", "naive scan", "Growth"):
        assert words in done.stdout
    assert done.stdout.endswith("All engines agree on every question that they were asked.\n")
