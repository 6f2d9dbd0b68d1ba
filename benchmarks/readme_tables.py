"""Write the tables of README.md and README.zh-TW.md from the committed results of the benches.

    python benchmarks/readme_tables.py            # rewrite the tables
    python benchmarks/readme_tables.py --check    # exit with 1 if a table is out of date

The results are benchmarks/results/bench-*.json, as `latentarium bench NAME` writes them.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from latentarium.stats.measurement import format_quantity

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
READMES = (ROOT / "README.md", ROOT / "README.zh-TW.md")
BLOCK = re.compile(r"(<!-- results:begin -->\n).*?(<!-- results:end -->)", re.DOTALL)
SHOWN = {
    "ring": ("modes", "high_quality", "reverse_kl"),
    "grid": ("modes", "high_quality", "reverse_kl"),
    "stacked-mnist": ("modes", "reverse_kl"),
    "stacked-mnist-small-discriminator": ("modes", "reverse_kl"),
    "nll-dynamic": ("nll",),
    "parzen-legacy": ("parzen", "real"),
    "cgan-mnist": ("gan_test", "gan_train", "coverage.worst"),
}
"""The columns of each bench in the tables, in the order of the rows."""
TITLES = {
    "modes": ("modes found", "找到的眾數"),
    "high_quality": ("samples within 3 sigma of a mode", "距眾數 3 個標準差內的樣本"),
    "reverse_kl": ("reverse KL", "反向 KL"),
    "nll": ("test NLL, 5,000 importance samples", "測試 NLL，5,000 個重要性樣本"),
    "parzen": ("Parzen-window log-likelihood", "Parzen 窗對數概似"),
    "real": ("with real images as centres", "以真實影像為中心"),
    "gan_test": ("samples classified as requested", "被分類為所要求類別的樣本"),
    "gan_train": ("GAN-train accuracy", "GAN-train 準確率"),
    "coverage.worst": ("coverage of the worst digit", "最差數字的涵蓋率"),
}
"""English and Chinese titles of the columns."""


def table(*, chinese: bool) -> str:
    """Return the table in English or Chinese."""
    heads = ("評估方式", "預設組態", "測量結果", "亂數種子") if chinese else (
        "bench", "preset", "measured", "seeds",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|---|"]
    for name, keys in SHOWN.items():
        result = json.loads((RESULTS / f"bench-{name}.json").read_text())
        units = {column["key"]: column["unit"] for column in result["columns"]}
        for row in result["rows"]:
            cells = "; ".join(cell(row, key, units[key], chinese=chinese) for key in keys)
            lines.append(f"| `{name}` | `{row['name']}` | {cells} | {len(row['seeds'])} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], key: str, unit: str, *, chinese: bool) -> str:
    """Return a mean over seeds with its title, and its 95 % interval if there are several."""
    text = f"{TITLES[key][chinese]} {format_quantity(row['mean'][key], unit)}"
    interval = row["interval"][key]
    if interval is not None and interval[0] < interval[1]:
        low, high = (format_quantity(end, unit) for end in interval)
        text += f" [{low}, {high}]"
    return text


def updated(path: Path) -> str:
    """Return the text of a README with its table rewritten."""
    new = table(chinese="zh" in path.name)
    return BLOCK.sub(lambda match: match[1] + new + match[2], path.read_text())


def main() -> None:
    """Rewrite or check the tables."""
    wrong = [path for path in READMES if path.read_text() != updated(path)]
    for path in wrong:
        if "--check" in sys.argv:
            print(f"{path.name} is out of date: run python benchmarks/readme_tables.py")
        else:
            path.write_text(updated(path))
            print(f"{path.name}: rewritten")
    sys.exit(1 if wrong and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
