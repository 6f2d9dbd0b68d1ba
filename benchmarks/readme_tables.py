"""Write the tables of README.md and README.zh-TW.md from the committed report of the tour.

    python benchmarks/readme_tables.py            # rewrite the tables
    python benchmarks/readme_tables.py --check    # exit with 1 if a table is out of date

The report is benchmarks/results/tour.json, a copy of the tour's report.json. Each row is the first
condition of a claim.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from latentarium.stats.measurement import Measurement, format_quantity

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "benchmarks" / "results" / "tour.json"
BLOCK = re.compile(r"(<!-- tour:begin -->\n).*?(<!-- tour:end -->)", re.DOTALL)
RELATIONS = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "==": "="}
CHINESE = {
    "ae-compresses": "AE：16 維潛在變數的測試誤差，相對於 16 維 PCA",
    "latent-useful": "AE：以 10 個最近鄰的潛在變數正確辨識的測試數字",
    "ae-gaps": "AE：靠近與遠離資料處，解碼影像落在真實影像之中的比例差距",
    "vae-continuous": "VAE：N(0, I) 的樣本落在空隙中的比例",
    "class-gaussian": "各類別的高斯分布：樣本被分類為該數字的比例",
    "one-gaussian-fails": "單一高斯分布：樣本落在眾數附近的比例（25 個眾數的網格）",
    "own-parameters": "每一步中，另一位玩家的參數的最大變化",
    "equilibrium": "GAN：結束時的對偶間隙，佔其最高點的比例",
    "label-control": "CGAN：樣本被分類為所要求數字的比例",
    "wrong-label-refused": "CGAN：正確類別的分數高於錯誤類別（AUC），所有組合的平均",
    "realism": "CGAN：Fréchet 距離（門檻是 GAN 的距離）",
}


def table(report: dict[str, Any], *, chinese: bool) -> str:
    """Return the table in English or Chinese."""
    heads = ("主張的主要條件", "測量值", "95 %", "門檻", "結果") if chinese else (
        "claim: main condition", "measured", "95 %", "bar", "verdict",
    )  # fmt: skip
    rows = [heads, ("---",) * 5]
    for claim in report["claims"]:
        condition = claim["conditions"][0]
        threshold = condition["threshold"] if "threshold" in condition else condition["bar"]
        own_keys = ("relation", "threshold", "bar", "holds")
        number = Measurement.from_dict({k: v for k, v in condition.items() if k not in own_keys})
        unit = "" if number.unit == "of PCA's" else number.unit
        interval = "" if number.interval is None else " to ".join(
            format_quantity(end, unit) for end in number.interval
        )  # fmt: skip
        required = f"{RELATIONS[condition['relation']]} {format_quantity(threshold, unit)}"
        holds = claim["verdict"] == "holds"
        verdict = ("成立" if holds else "不成立") if chinese else claim["verdict"]
        title = CHINESE[claim["id"]] if chinese else f"{number.name} (`{claim['id']}`)"
        if chinese:
            interval = interval.replace(" to ", " 至 ")
        rows.append(
            (title, f"**{format_quantity(number.value, unit)}**", interval, required, verdict)
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n" + source(report, chinese=chinese)


def source(report: dict[str, Any], *, chinese: bool) -> str:
    """Return a sentence on where the numbers were measured."""
    machine, version = report["machine"], report["versions"]["torch"]
    held = sum(claim["verdict"] == "holds" for claim in report["claims"])
    count = len(report["claims"])
    if chinese:
        return f"\n{count} 項主張中有 {held} 項成立。測量環境：{machine}，torch {version}。\n"
    return f"\n{held} of {count} claims hold. Measured on {machine}, torch {version}.\n"


def updated(text: str, report: dict[str, Any], *, chinese: bool) -> str:
    """Return the text of a README with its table rewritten."""
    new = table(report, chinese=chinese)
    return BLOCK.sub(lambda match: match[1] + new + match[2], text)


def out_of_date() -> list[Path]:
    """Return the READMEs whose table differs from the committed report."""
    report = json.loads(REPORT.read_text())
    return [
        path
        for path in READMES
        if path.read_text() != updated(path.read_text(), report, chinese="zh" in path.name)
    ]


READMES = (ROOT / "README.md", ROOT / "README.zh-TW.md")


def main() -> None:
    """Rewrite or check the tables."""
    wrong = out_of_date()
    if "--check" in sys.argv:
        for path in wrong:
            print(f"{path.name}: run python benchmarks/readme_tables.py")
        sys.exit(1 if wrong else 0)
    report = json.loads(REPORT.read_text())
    for path in wrong:
        path.write_text(updated(path.read_text(), report, chinese="zh" in path.name))
        print(f"{path.name}: rewritten")


if __name__ == "__main__":
    main()
