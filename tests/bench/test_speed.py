"""`make bench` itself, on so little that its numbers mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, str(ROOT / "benchmarks" / "run.py")]


def test_the_sides_of_a_fit_run_and_learn_the_same(tmp_path):
    out = tmp_path / "speed.json"
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    subprocess.run([*RUN, "fits", "--quick", "--out", str(out)], check=True, capture_output=True)
    found = json.loads(out.read_text())
    fits = found["fits"]
    assert fits["ours over bare"]["median"] > 0.1
    # 20 steps: far from trained, and equally far
    elbos = [fits["elbo"][side]["median"] for side in ("ours", "bare")]
    assert all(-400 < value < -150 for value in elbos)
    assert abs(elbos[0] - elbos[1]) < 40
    assert 0 <= found["used_by_others"]["fits"] <= 1
    assert (ROOT / "docs" / "benchmarks.md").read_text() == page  # a smoke test writes no page


def test_a_smoke_test_does_not_overwrite_what_was_measured():
    done = subprocess.run([*RUN, "fits", "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "give another --out" in done.stderr
