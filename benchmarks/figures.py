"""Write the measured numbers of the READMEs and the docs from benchmarks/results/.

    make figures                                # rewrite the tables; check the presets
    python benchmarks/figures.py --check        # change nothing; also a part of `make lint`

Exits with 1 if a text or the docstring of a preset differs from the committed results, or if a
result is that of a preset with other steps.
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import speed_readme
from bench_tables import outdated_rows, published_table, readme_table
from committed import ROOT, load_all
from doctor_table import doctor_table
from gpu_table import gpu_table
from objectives_table import objectives_table
from preset_facts import choices_table, missing_phrases
from speed_page import render
from studio_table import studio_table
from tour_table import claims_table, tour_table, verdicts


@dataclass(frozen=True)
class Figure:
    """A generated part of a file.

    Arguments:
        file: Path from the root of the repository.
        marker: The part is between <!-- figures:MARKER --> and <!-- figures:end -->; empty for
            the whole file.
        content: Returns the part.
    """

    file: str
    marker: str
    content: Callable[[], str]

    def insert(self, text: str) -> str:
        """Return the text of the file with this part replaced.

        Raises:
            ValueError: The file has no such marker, or more than one.
        """
        if not self.marker:
            return self.content()
        begin, end = f"<!-- figures:{self.marker} -->\n", "<!-- figures:end -->"
        pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"{self.file} must have '{begin.strip()}' and '{end}' once.")
        return pattern.sub(lambda match: match[1] + self.content() + match[2], text)


LESSONS: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("autoencoder", "claims"): (("ae-compresses", "latent-useful"), ()),
    ("latent-space", "claims"): (("ae-gaps",), ("Latents from N(0, I) that are in gaps, AE",)),
    ("vae", "claims"): (
        ("vae-continuous", "class-gaussian"), ("Latents from N(0, I) that are in gaps, AE",)
    ),
    ("vae", "one-gaussian"): (("one-gaussian-fails",), ()),
    ("gan", "claims"): ((), (
        "Fréchet distance, GAN", "Rarest digit of the GAN", "Most common digit of the GAN",
        "Modes found by the GAN, grid of 25", "Samples of the GAN near a mode, grid",
    )),
    ("equilibrium", "claims"): (("own-parameters", "equilibrium"), ()),
    ("conditional-gan", "claims"): (("label-control", "wrong-label-refused", "realism"), ()),
}  # fmt: skip
"""The claims, and further numbers of the tour, that the lessons show, by page and marker."""


def lessons() -> list[Figure]:
    """Return the tables of the lessons, in both languages."""
    return [
        Figure(
            f"docs/{folder}learn/{page}.md",
            marker,
            partial(claims_table, *claims, evidence=evidence, chinese=bool(folder)),
        )
        for (page, marker), (claims, evidence) in LESSONS.items()
        for folder in ("", "zh-TW/")
    ]


def speed_table(*, chinese: bool) -> str:
    """Return the table of speeds of a README."""
    return speed_readme.readme_table(load_all("speed"), chinese=chinese)


FIGURES = (
    Figure("README.md", "benches", lambda: readme_table(chinese=False)),
    Figure("README.zh-TW.md", "benches", lambda: readme_table(chinese=True)),
    Figure("README.md", "speed", lambda: speed_table(chinese=False)),
    Figure("README.zh-TW.md", "speed", lambda: speed_table(chinese=True)),
    Figure("docs/results.md", "verdicts", verdicts),
    Figure("docs/results.md", "tour", tour_table),
    Figure("docs/results.md", "published", published_table),
    Figure("docs/results.md", "objectives", objectives_table),
    Figure("docs/results.md", "choices", choices_table),
    Figure("docs/studio.md", "speed", studio_table),
    Figure("docs/measuring.md", "doctor", doctor_table),
    Figure("docs/benchmarks.md", "", lambda: render(load_all("speed"))),
    Figure("docs/howto/gpu.md", "gpu", gpu_table),
    *lessons(),
)


def main() -> None:
    """Rewrite or check all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change no file")
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the repository")
    options = parser.parse_args()
    failed = False
    for figure in FIGURES:
        path = options.root / figure.file
        text = path.read_text() if path.exists() else ""
        new = figure.insert(text)
        name = f"{figure.file} {figure.marker}".strip()
        if new != text and options.check:
            failed = True
            print(f"{name} differs from benchmarks/results/: run make figures")
        elif new != text:
            path.write_text(new)
            print(f"{name}: rewritten")
    for line in missing_phrases():
        failed = True
        print(f"src/latentarium/presets: the docstring must contain the results of {line}")
    for line in outdated_rows():
        failed = True
        print(f"{line}, which its preset no longer has: measure it again, or delete the row")
    sys.exit(failed)


if __name__ == "__main__":
    main()
