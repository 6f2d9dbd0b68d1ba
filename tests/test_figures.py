"""The measured numbers of READMEs, docs and presets agree with the committed results."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TEXTS = [
    "README.md", "README.zh-TW.md", "docs/results.md", "docs/studio.md", "docs/measuring.md",
    "docs/howto/gpu.md",
    *(
        f"docs/{folder}learn/{lesson}.md"
        for folder in ("", "zh-TW/")
        for lesson in (
            "autoencoder", "latent-space", "vae", "gan", "equilibrium", "conditional-gan",
        )
    ),
]  # fmt: skip
"""Texts that contain figures; docs/benchmarks.md consists of them."""


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.fixture
def copied_texts(tmp_path):
    """Return a folder with copies of the texts that have figures."""
    for name in TEXTS:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "docs" / "benchmarks.md").write_text((ROOT / "docs" / "benchmarks.md").read_text())
    return tmp_path


def run_figures(monkeypatch, *arguments):
    """Return the exit code of figures.py."""
    import figures  # pyright: ignore[reportMissingImports]  found on the patched path

    monkeypatch.setattr(sys, "argv", ["figures.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        figures.main()
    return int(stop.value.code or 0)


def test_all_figures_agree_with_the_committed_results(benchmarks, monkeypatch, capsys):
    assert run_figures(monkeypatch, "--check") == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", TEXTS)
def test_a_changed_digit_is_found_and_rewritten(
    benchmarks, monkeypatch, copied_texts, capsys, name
):
    path = copied_texts / name
    right = path.read_text()
    start = right.index("| ---", right.index("<!-- figures:"))
    digit = next(i for i in range(start, len(right)) if right[i] in "12345678")
    path.write_text(right[:digit] + "9" + right[digit + 1 :])
    assert run_figures(monkeypatch, "--check", "--root", copied_texts) == 1
    assert name in capsys.readouterr().out
    assert run_figures(monkeypatch, "--root", copied_texts) == 0
    assert path.read_text() == right


def test_a_lost_marker_is_an_error(benchmarks, monkeypatch, copied_texts):
    path = copied_texts / "README.md"
    path.write_text(path.read_text().replace("<!-- figures:end -->", ""))
    with pytest.raises(ValueError, match=r"README\.md must have"):
        run_figures_raising(monkeypatch, copied_texts)


def run_figures_raising(monkeypatch, root):
    import figures  # pyright: ignore[reportMissingImports]

    monkeypatch.setattr(sys, "argv", ["figures.py", "--root", str(root)])
    figures.main()


def test_a_docstring_that_differs_from_the_results_is_found(benchmarks, monkeypatch):
    import preset_facts  # pyright: ignore[reportMissingImports]

    from latentarium.presets.plane import vae_ring

    assert preset_facts.missing_phrases() == []
    monkeypatch.setattr(vae_ring, "__doc__", "VAE on the ring: 4 to 20 % of samples.")
    assert any(line.startswith("vae_ring") for line in preset_facts.missing_phrases())


def test_a_result_of_a_preset_with_other_steps_is_found(benchmarks, monkeypatch):
    import bench_tables  # pyright: ignore[reportMissingImports]

    assert bench_tables.outdated_rows() == []
    row = {"name": "gan_ring", "steps": 7}
    monkeypatch.setattr(bench_tables, "rows_of", lambda name: [("a machine", row)])
    lines = bench_tables.outdated_rows()
    assert lines
    assert all("gan_ring was measured after 7 steps" in line for line in lines)


def test_a_preset_chosen_on_test_images_says_so(benchmarks, monkeypatch):
    import preset_facts  # pyright: ignore[reportMissingImports]

    from latentarium.presets.mnist import cgan_mnist

    text = " ".join((cgan_mnist.__doc__ or "").split())
    assert "chosen on test images" in text
    monkeypatch.setattr(cgan_mnist, "__doc__", text.replace("test images", "images"))
    assert any(line.startswith("cgan_mnist") for line in preset_facts.missing_phrases())


def test_the_readmes_mark_exactly_the_presets_chosen_on_test_images():
    choices = json.loads((RESULTS / "choices.json").read_text())
    marked = {name for name, chosen_on in choices.items() if "test images" in chosen_on}
    for name in ("README.md", "README.zh-TW.md"):
        text = (ROOT / name).read_text()
        for preset in choices:
            assert (rf"`{preset}`\*" in text) == (preset in marked and f"`{preset}`" in text)


def test_every_preset_of_our_own_data_has_an_entry_on_how_it_was_chosen():
    from latentarium import presets

    choices = json.loads((RESULTS / "choices.json").read_text())
    measured = {n for n in presets.all_presets() if not n.endswith(("_debug", "_images"))}
    assert measured <= set(choices)


def test_results_are_strict_json_and_name_their_processor(benchmarks):
    import committed  # pyright: ignore[reportMissingImports]

    def refuse(constant):
        raise AssertionError(constant)

    for path in RESULTS.glob("*.json"):
        results = json.loads(path.read_text(), parse_constant=refuse)
        if path.name.startswith(("bench-", "speed.", "tour.")):  # one of several machines
            name = path.stem.rpartition(".")[2]
            assert committed.machine(results).lower().startswith(name)


def test_published_rows_in_the_results_are_those_of_the_bench():
    from dataclasses import asdict

    from latentarium.registry import component

    for path in RESULTS.glob("bench-*.json"):
        results = json.loads(path.read_text())
        bench = component("bench", results["bench"])()
        assert results["published"] == [asdict(row) for row in bench.published], path.name


@pytest.mark.parametrize(
    ("value", "unit", "interval", "text"),
    [
        (0.88632, "share", (0.85349, 0.91915), "89 % [85, 92]"),
        (0.935, "share", (0.925, 0.944), "93.5 % [92.5, 94.4]"),
        (0.977, "share", (0.974, 0.98), "97.7 % [97.4, 98.0]"),
        (0.286, "", (0.284, 0.289), "0.286 [0.284, 0.289]"),
        (0.8636, "share", (0.8496, 0.8765), "86.4 % [85.0, 87.6]"),
        (0.0263, "nats", (0.0, 0.0689), "0.03 nats [0.00, 0.07]"),
        (34430.0, "", (34220.0, 34710.0), "34,400 [34,200, 34,700]"),
        (143_800.0, "", (138_700.0, 170_500.0), "144,000 [139,000, 170,000]"),
        (0.216, "share", (0.195, 0.239), "22 % [20, 24]"),
        (8.0, "", (8.0, 8.0), "8"),
        (0.9989, "share", None, "99.89 %"),
        (1000.0, "", None, "1,000"),
        (-112.9, "nats", None, "-112.9 nats"),
    ],
)
def test_an_interval_is_rounded_by_its_half_width(benchmarks, value, unit, interval, text):
    from rounding import quantity  # pyright: ignore[reportMissingImports]

    assert quantity(value, unit, interval) == text


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([0.0348, 0.2016, 0.1], "share", "3 to 20 %"),
        ([0.285997, 0.286], "", "0.286"),
        ([24.0, 25.0], "", "24 to 25"),
        ([15.0, 21.0, 235.0], "", "15 to 235"),
        ([0.9983, 0.9989], "share", "99.83 to 99.89 %"),
        ([0.0], "share", "0 %"),
    ],
)
def test_a_range_of_values_is_rounded_the_same_way(benchmarks, values, unit, text):
    from rounding import span  # pyright: ignore[reportMissingImports]

    assert span(values, unit) == text


def test_passes_until_a_quality_are_interpolated(benchmarks):
    from speed_tables import passes_until  # pyright: ignore[reportMissingImports]

    curve = [-150.0, -120.0, -110.0]
    assert passes_until(-120.0, curve) == pytest.approx(2)
    assert passes_until(-115.0, curve) == pytest.approx(2.5)
    assert passes_until(-151.0, curve) == pytest.approx(1)
    assert passes_until(-100.0, curve) == float("inf")


def test_the_accuracy_of_the_shipped_classifier_is_the_measured_one():
    path = ROOT / "src" / "latentarium" / "classifier" / "mnist" / "classifier.json"
    accuracy = json.loads(path.read_text())["accuracy"]
    assert (
        f"(accuracy {accuracy:.2%})".replace("%", " %")
        in (ROOT / "docs" / "measuring.md").read_text()
    )


def test_readme_has_at_most_120_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
