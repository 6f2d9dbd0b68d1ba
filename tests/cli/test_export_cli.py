"""export --onnx."""

import json

import pytest

from support.command_line import error_code, output_of


def test_export_prints_the_size_the_error_and_the_latency(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    file = tmp_path / "gan.onnx"
    content = json.loads(output_of(capsys, "export", "shipped:cgan", "--onnx", file, "--json"))
    decoder = content["onnx"]["decoder"]
    assert content["onnx"]["encoder"] is None
    assert decoder["file"] == str(file)
    assert decoder["bytes"] == file.stat().st_size
    assert decoder["inputs"] == ["z", "label"]
    assert 0 <= decoder["max_error"] <= 1e-5
    assert all(time > 0 for time in decoder["milliseconds"].values())


def test_export_without_a_file_and_to_a_folder_is_refused(tmp_path, capsys):
    assert error_code(capsys, "export", "shipped:gan") == "nothing-to-export"
    assert error_code(capsys, "export", "shipped:gan", "--onnx", tmp_path) == "cannot-write"
