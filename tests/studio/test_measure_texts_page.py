"""Names and reasons in the evaluation table of Compare, in the language of the page."""

from dataclasses import asdict

from latentarium.evaluation.reasons import reason
from support.browser import BROWSER_MARKS, open_page, wait_ready
from support.tiny_studio import measured, metrics_of

pytestmark = BROWSER_MARKS
VAE = 1


def test_reasons_for_missing_measures_are_in_the_language_of_the_page(page, served):
    run = served.registry[VAE].run
    content = metrics_of(run, {"recall": measured("Recall", 0.1, 0, 0.2)})
    why = reason("few-images-for-covariance", features=96, count=1020)
    content |= {"format": 5, "left_out": {"Fréchet distance": asdict(why)}}
    try:
        run.save_metrics(content)
        open_page(page, served, "#tab=compare&c.models=1.2&c.all=1")
        row = page.get_by_test_id("row-left_out.Fréchet distance")
        assert "more than 96 test images and samples, and there are 1,020" in row.inner_text()
        page.get_by_role("button", name="中文").click()
        assert "需要超過 96 張測試影像與樣本，但各只有 1,020 張" in row.inner_text()
        run.save_metrics(content | {"format": 4, "left_out": {"Fréchet distance": "no text"}})
        page.reload()
        wait_ready(page)
        assert "no text" in row.inner_text()
    finally:
        (run.folder / "metrics.json").unlink()


def test_measures_have_names_in_the_language_of_the_page(page, served):
    rows = {
        "frechet": measured("Fréchet distance", 2, 1, 3),
        "game.gap.bernoulli-gaussian.ema": measured(
            "Optimality gap (bernoulli-gaussian)", 0, 0, 1
        ),
        "own": measured("Mean pixel", 1, 0, 2),  # of a section of one's own
    }
    run = served.registry[VAE].run
    run.save_metrics(metrics_of(run, rows))
    try:
        open_page(page, served, "#tab=compare&c.models=1.2&c.all=1&lang=zh-TW")
        names = page.locator(".row .name").all_inner_texts()
        assert [name.split("\n")[0].split("  ")[0] for name in names]
        text = " ".join(names)
        assert "Fréchet 距離" in text
        assert "與最佳解的差距（VAE、伯努利概似）" in text
        assert "下界；最佳時為" in text
        assert "Mean pixel" in text
        measures = page.get_by_test_id("measures").inner_text()
        assert "bernoulli" not in measures
        assert "沒有找到可改善之處" in measures  # in place of the value 0
        assert "0 nats" not in measures
    finally:
        (run.folder / "metrics.json").unlink()
