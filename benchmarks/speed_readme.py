"""The speed table of the READMEs."""

from collections.abc import Callable, Iterator

from committed import machine as machine_of
from committed import table
from speed_bars import CALLS, OURS
from speed_parts import limits
from speed_tables import Results, spread

from latentarium.stats.measurement import format_number


def readme_table(everywhere: dict[str, Results], *, chinese: bool) -> str:
    """Return the speed table of a README, with measured and required values."""
    heads = ["比較", "測量結果", "要求", "處理器"] if chinese else [
        "comparison", "measured", "required", "processor",
    ]  # fmt: skip
    rows = []
    for part, facts in README.items():
        for results in everywhere.values():
            if part in results:
                rows += [
                    [titles[chinese], shown, _required(bar, chinese=chinese),
                     machine_of(results, part)]
                    for titles, shown, bar in facts(results[part])
                ]  # fmt: skip
    return table(heads, rows)


BUSY = (", next to a busy process", "（有一個忙碌的程式同時執行）")
"""Added to a title, in English and Chinese."""
Fact = tuple[tuple[str, str], str, str]
"""Title in English and Chinese, the value, and the bar as "<= 2" or ">= 2"; empty for none."""


def _required(bar: str, *, chinese: bool) -> str:
    sign, _, value = bar.partition(" ")
    words = {"<=": ("at most", "最多"), ">=": ("at least", "至少"), "": ("", "")}
    return f"{words[sign][chinese]} {value}".strip()


def _fit_facts(fits: Results) -> Iterator[Fact]:
    yield from _time_to_elbo(fits, ("", ""))


def _busy_fit_facts(fits: Results) -> Iterator[Fact]:
    yield from _time_to_elbo(fits, BUSY)


def _time_to_elbo(fits: Results, condition: tuple[str, str]) -> Iterator[Fact]:
    measured = fits.get("time to pythae's ELBO")
    if measured and measured["reached"]:
        title = (
            "Time to the ELBO of pythae 0.1.2 after five passes: pythae's divided by "
            f"latentarium's{condition[0]}",
            f"達到 pythae 0.1.2 訓練五輪後之 ELBO 的時間：pythae 除以 latentarium{condition[1]}",
        )
        yield title, spread(measured["pythae's time over tuned"]), f">= {limits.PYTHAE}"


def _example_facts(results: Results) -> Iterator[Fact]:
    ratios = {}
    for preset, example, name in (("vae_mnist", "vae", "VAE"), ("gan_mnist", "dcgan", "DCGAN")):
        shares = next(r for what, r in results.items() if what.startswith(name))
        sides = list(shares.values())[-1]["sides"]
        if preset in sides and example in sides:
            seconds = [sides[side]["seconds"]["median"] for side in (example, preset)]
            ratios[name] = f"**{format_number(seconds[0] / seconds[1])}**"
    if ratios:
        title = (
            f"Time to the quality of PyTorch's examples, {' and '.join(ratios)}: the median of "
            "the example divided by latentarium's",
            f"達到 PyTorch 範例（{'、'.join(ratios)}）之品質的時間：範例的中位數除以 latentarium",
        )
        yield title, ", ".join(ratios.values()), ""


def _metric_facts(results: Results) -> Iterator[Fact]:
    sides = results["sides"]
    ratios = {}
    for side in sides:
        shared = [call for call in CALLS if call in sides[side] and side != OURS]
        if shared:
            total, own = (
                sum(sides[who][call]["seconds"]["median"] for call in shared)
                for who in (side, OURS)
            )
            ratios[side] = f"**{format_number(total / own)}**"
    title = (
        f"Time for the metrics that both compute, at n = {results['n']:,}: that of "
        f"{', '.join(ratios)} divided by latentarium's",
        f"雙方都有的指標的計算時間（n = {results['n']:,}）：{'、'.join(ratios)} 除以 latentarium",
    )
    yield title, ", ".join(ratios.values()), ""


def _busy_facts(results: Results) -> Iterator[Fact]:
    ratios = {
        preset: [sides["chosen"]["ratio"][condition]["median"] for condition in limits.BUSY]
        for preset, sides in results.items()
    }
    worst = max(ratios, key=lambda preset: max(ratios[preset]))
    title = (
        "Training step next to one busy process, two, or another training, as a multiple of the "
        f"step alone; worst of {len(ratios)} presets (`{worst}`)",
        "有一個、兩個忙碌的程式或另一個訓練同時執行時，訓練一步的時間是單獨執行時的幾倍；"
        f"{len(ratios)} 個預設組態中最差者（`{worst}`）",
    )
    value = ", ".join(f"**{format_number(ratio)}**" for ratio in ratios[worst])
    yield title, value, f"<= {', '.join(f'{limit:g}' for limit in limits.BUSY.values())}"


def _together_facts(results: Results) -> Iterator[Fact]:
    title = (
        "Two trainings at the same time, and `bench` with two seeds, as a multiple of one on one "
        "thread",
        "兩個訓練同時執行、`bench` 兩個亂數種子的時間，各是一個單執行緒的幾倍",
    )
    values = [spread(results["ratio"][key]) for key in ("two trainings", "bench, two seeds")]
    yield title, ", ".join(values), f"<= {limits.TOGETHER}"


def _memory_facts(results: Results) -> Iterator[Fact]:
    title = (
        "Memory that three trainings in one process leave, MiB",
        "同一行程中三個訓練結束後多占用的記憶體，MiB",
    )
    yield title, spread(results["growth"]), f"<= {limits.MEMORY}"


def _commit_facts(results: Results) -> Iterator[Fact]:
    commit, goal = results["commit"], f"{100 * results['goal']:g} %"
    title = (
        f"Time until {goal} of the CGAN's samples are as requested, as a multiple of that of "
        f"commit {commit}, before the work on speed",
        f"CGAN 有 {goal} 的樣本符合要求所需的時間，是改善速度以前的版本（{commit}）的幾倍",
    )
    yield title, spread(results["ratio"]), f"<= {limits.COMMIT}"


def _tour_facts(results: Results) -> Iterator[Fact]:
    commit = results["commit"]
    title = (
        f"Duration of `latentarium tour` as a multiple of that of commit {commit}, and "
        "next to a busy process as a multiple of that alone",
        f"`latentarium tour` 的時間是版本 {commit} 的幾倍；有一個忙碌的程式同時執行時，"
        "是單獨執行時的幾倍",
    )
    values = [spread(results[key]) for key in ("ratio", "busy_ratio")]
    yield title, ", ".join(values), f"<= {limits.TOUR}, {limits.TOUR_BUSY}"


README: dict[str, Callable[[Results], Iterator[Fact]]] = {
    "fits": _fit_facts,
    "fits_busy": _busy_fit_facts,
    "examples": _example_facts,
    "against": _commit_facts,
    "tour": _tour_facts,
    "metrics": _metric_facts,
    "busy": _busy_facts,
    "together": _together_facts,
    "memory": _memory_facts,
}
