"""The table of the studio's speed in docs/studio.md."""

from committed import load, table

LIMITS = {
    "pointer": "33 ms",
    "training": "60 ms",
    "redraw": "8 ms",
    "paint": "1.5 s",
    "task": "100 ms",
}


def studio_table() -> str:
    """Return what was measured next to its limit."""
    results = load("studio")
    models = {"AE": "ae", "VAE": "vae", "GAN": "gan", "CGAN": "cgan"}
    maps = {name: key for name, key in models.items() if "redraw_ms" in results[key]}

    def per_model(keys: dict[str, str], template: str, part: str) -> str:
        return ", ".join(
            f"{name} {template.format(**results[key][part])}" for name, key in keys.items()
        )

    tasks = {name: ms for name, ms in results["blocked_ms"].items() if ms > 0}
    paint = ", ".join(f"{n} {results[k]['first_useful_paint_s']}" for n, k in models.items())
    crowd, loaded = results["crowd"], results["pointer_under_load"]["all requests at once"]
    rows = [
        [
            "from pointer move to image, shipped models: median (p95), ms",
            per_model(models, "{median} ({p95})", "pointer_to_image_ms"),
            f"p95 {LIMITS['pointer']}",
        ],
        [
            "the same for the VAE during a training: median (p95), ms",
            "{median} ({p95})".format(**results["vae"]["pointer_during_training_ms"]),
            f"p95 {LIMITS['training']}",
        ],
        [
            "redraw of 60,000 points: median (p95), ms",
            per_model(maps, "{median} ({p95})", "redraw_ms"),
            f"median {LIMITS['redraw']}",
        ],
        ["from opening the page to map and image, s", paint, LIMITS["paint"]],
        [
            "longest task of the page's thread while each part is used, ms",
            ", ".join(f"{name} {ms}" for name, ms in tasks.items()) or "none over 50",
            LIMITS["task"],
        ],
        [
            f"{crowd['clients']} clients that decode at the same time for {crowd['seconds']} s",
            f"{crowd['answers']:,} answers, {crowd['memory_growth_mib']} MiB more",
            "no error",
        ],
        [
            "decoding of pointer moves during all kinds of requests: median, p95, maximum, ms",
            f"{loaded['median']}, {loaded['p95']}, {loaded['max']}",
            "",
        ],
        [
            "memory under load on all routes, after each round, MiB",
            ", ".join(f"{mib:,}" for mib in results["memory"]["held_mib"]),
            "",
        ],
    ]
    return table(["measured", "value", "limit"], rows)
