"""The benchmark of very many people runs, and prints what it measures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "people.py"


def test_it_measures():
    """One small run reads, follows, and decides."""
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("10,000 people", "reading the store", "following one change", "a decision"):
        assert words in done.stdout
