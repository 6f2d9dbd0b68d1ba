"""Turn a run into the format of earlier versions."""

import hashlib
import json
from pathlib import Path

from safetensors.torch import load_file, save_file

OLD_LOG_KEYS = json.loads(Path(__file__).with_name("old_log_keys.json").read_text())


def downgrade(folder: Path) -> None:
    """Rewrite the files of a run as version 0.1.0 wrote them at first."""
    config = folder / "config.json"
    content = json.loads(config.read_text())
    del content["id"], content["imports"]
    config.write_text(json.dumps(content, indent=2) + "\n")
    for path in (folder / "weights.safetensors", *folder.glob("snapshots/*.safetensors")):
        if path.exists():
            save_file(load_file(path), path, metadata={"sha256": _checksum(path)})
    for path in folder.glob("checkpoints/*.safetensors"):
        tensors = load_file(path)
        save_file({_old_name(name): tensor for name, tensor in tensors.items()}, path)
        card = json.loads(path.with_suffix(".json").read_text())
        card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps(card))
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    old_rows = [{key: _old_keys(value) for key, value in row.items()} for row in rows]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old_rows))
    duality_gap = folder / "duality_gap.json"
    if duality_gap.exists():
        content = json.loads(duality_gap.read_text())
        content["moments"] = content.pop("snapshots")
        (folder / "gap.json").write_text(json.dumps(content))
        duality_gap.unlink()


def _old_name(name: str) -> str:
    return f"average.{name.removeprefix('ema.')}" if name.startswith("ema.") else name


def _old_keys(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {OLD_LOG_KEYS.get(name, name): number for name, number in value.items()}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    return json.loads(header["__metadata__"]["latentarium"])["sha256"]
