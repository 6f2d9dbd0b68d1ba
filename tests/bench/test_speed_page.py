"""The page and the README's table of speeds, from results that were made up."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed_page  # pyright: ignore[reportMissingImports]  found on the patched path
    import speed_readme  # pyright: ignore[reportMissingImports]

    return speed_page, speed_readme


def spread(value: float, *others: float) -> dict:
    return {"median": value, "all": sorted([value, *others])}


def timed(seconds: float, **values: float) -> dict:
    return {"seconds": spread(seconds), "values": values}


def conditions(alone: float, one: float, two: float, training: float) -> dict:
    times = {
        "alone": alone,
        "one busy process": one,
        "two busy processes": two,
        "another training": training,
    }
    ratios = {name: spread(time / alone) for name, time in times.items() if name != "alone"}
    return {"ms": {name: spread(time) for name, time in times.items()}, "ratio": ratios}


RESULTS = {
    "machine": "AMD EPYC, 2 x x86_64, 2 threads",
    "machines": {"metrics": "AMD EPYC, 2 x x86_64, 1 threads"},
    "versions": {"torch": "2.13.0"},
    "used_by_others": {"busy": 0.02, "memory": 0.4},
    "examples": {
        "VAE, ELBO of held-out images, nats": {
            "100% of the example's steps": {
                "goal": spread(-104.5),
                "sides": {
                    "vae": {"seconds": spread(60.0), "steps": spread(3000)},
                    "vae_mnist": {"seconds": spread(20.0), "steps": spread(1600)},
                },
            }
        },
        "DCGAN, Fréchet distance": {
            "100% of the example's steps": {
                "goal": spread(7.5),
                "sides": {"dcgan": {"seconds": spread(120.0), "steps": spread(700)}},
            }
        },
    },
    "against": {
        "commit": "d9243c1",
        "goal": 0.98,
        "seconds": {"d9243c1": spread(12.0), "now": spread(5.0)},
        "steps": {"d9243c1": spread(300), "now": spread(275)},
        "ratio": spread(0.42, 0.4, 0.45),
    },
    "tour": {
        "commit": "d9243c1",
        "seconds": {
            "d9243c1": spread(600),
            "now": spread(300),
            "next to a busy process": spread(480),
        },
        "ratio": spread(0.5),
        "busy_ratio": spread(1.6),
        "holds": "11 of 11",
    },
    "metrics": {
        "n": 10_000,
        "features": 96,
        "sides": {
            "latentarium": {
                "frechet": timed(0.1, frechet=7.25),
                "density": timed(4.0, density=0.9, coverage=0.8),
            },
            "prdc": {"density": timed(6.0, density=0.9, coverage=0.8)},
        },
    },
    "fits_busy": {
        "ours": spread(12_000),
        "time to pythae's ELBO": {
            "reached": True,
            "seconds": {"tuned": spread(10), "pythae": spread(40)},
            "elbo": {"tuned": spread(-109), "pythae": spread(-110)},
            "pythae's time over tuned": spread(4.0),
        },
    },
    "busy": {
        "ae_mnist": {"chosen": {"threads": 1} | conditions(10, 11, 16, 12)},
        "gan_images": {
            "chosen": {"threads": 2} | conditions(200, 300, 500, 280),
            "one thread": {"threads": 1} | conditions(350, 360, 540, 370),
        },
    },
    "together": {
        "preset": "ae_mnist",
        "steps": 1500,
        "bench": "ring",
        "bench_budget": "small",
        "seconds": {
            "one training": spread(30.0),
            "two trainings": spread(33.0),
            "bench, one seed": spread(40.0),
            "bench, two seeds": spread(44.0),
        },
        "ratio": {"two trainings": spread(1.1), "bench, two seeds": spread(1.15)},
    },
    "memory": {"steps": 100, "imports": spread(70.0), "growth": spread(43.0)},
}


def test_each_part_has_a_section_with_its_numbers(pages):
    page = pages[0].render({"AMD EPYC, 2 threads": RESULTS})
    sections = {text.partition("\n")[0]: text for text in page.split("\n## ")[1:]}
    shown = {
        "A whole training next to a busy process": ("| **12,000** |", "**4**"),
        "The examples of PyTorch": ("**-104.5**", "| not reached |", "`gan_mnist`"),
        "Against an earlier commit": ("**0.42** [0.40, 0.45]", "**12**, 300 steps"),
        "The tour": ("| **600** | **300** | **480** | **0.5**, **1.6** | 11 of 11 |",),
        "Metrics": ("seconds, AMD EPYC, 1 thread |", "| Fréchet distance | 7.25 |"),
        "Next to other processes": ("`gan_images` | 2 | **200** |", "| 1 | **350** |"),
        "Trainings at the same time": ("**1.1**", "1,500 steps"),
        "Memory after trainings": ("| **43** | **70** |",),
    }
    for title, texts in shown.items():
        for text in texts:
            assert text in sections[title], (title, text, sections[title])
    assert "used up to 40 % of the processors during `memory`." in page


@pytest.mark.parametrize("chinese", [False, True])
def test_the_readme_compares_with_what_is_required(pages, chinese):
    rows = pages[1].readme_table({"A": RESULTS}, chinese=chinese).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    values = [row[1] for row in cells]
    # the DCGAN's distance was not reached, so it has no row
    assert values[:3] == ["**4**", "**3**", "**0.42** [0.40, 0.45]"]
    assert values[3:5] == ["**0.5**, **1.6**", "**1.5**"]
    assert values[5] == "**1.5**, **2.5**, **1.4**"
    assert values[6:] == ["**1.1**, **1.15**", "**43**"]
    at_most = "最多" if chinese else "at most"
    assert cells[5][2] == f"{at_most} 1.3, 2, 1.3"
    assert "gan_images" in cells[5][0]
    assert [row[3] for row in cells].count("AMD EPYC, 1 thread") == 1
