"""encode, decode and reconstruct."""

import csv
import json
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

import latentarium as la
from support.command_line import error_code, output_of, run_command
from support.tiny import tiny_arrays
from support.tiny_runs import train_tiny_runs

CLASS_NAMES = ("low", "middle", "top")
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of images in folders of classes, and runs that were trained on it."""
    place = tmp_path_factory.mktemp("runs")
    images, labels = tiny_arrays(n=60)
    for k, (image, label) in enumerate(zip(images[:, 0], labels, strict=True)):
        folder = place / "pictures" / CLASS_NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"a,{k}.png")
    train_tiny_runs(place, place / "pictures")
    return place


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def encoded(place, out, *options, run="vae"):
    run_command("encode", place / run, place / "pictures", "--out", out, *options)
    return out


def test_each_image_of_each_split_is_a_row_with_the_mean_of_its_posterior(place, tmp_path):
    rows = rows_of(encoded(place, tmp_path / "z.csv"))
    model, data = la.load(place / "vae"), la.load_data(place / "pictures")
    assert [(r["split"], int(r["index"])) for r in rows] == [
        (name, k) for name, split in data.splits().items() for k in range(len(split))
    ]
    for name, split in data.splits().items():
        mine = [row for row in rows if row["split"] == name]
        z = np.array([[float(row[f"z{k}"]) for k in range(4)] for row in mine], np.float32)
        assert np.allclose(z, model.encode(split.images).mean.detach().numpy(), atol=1e-6)
        assert split.labels is not None
        assert [row["label"] for row in mine] == [data.card.classes[k] for k in split.labels]  # pyright: ignore[reportOptionalIterable]


def test_the_file_of_a_row_is_the_file_of_its_image(place, tmp_path):
    data = la.load_data(place / "pictures")
    for _ in range(2):  # decoded, then from the cache
        for row in rows_of(encoded(place, tmp_path / "z.csv", "--no-trust")):
            image = np.asarray(Image.open(place / "pictures" / row["file"]))
            split = data.splits()[row["split"]]
            assert (split.images[int(row["index"]), 0].numpy() == image).all()
            assert row["file"].split("/")[0] == row["label"]


def test_the_trust_is_a_level_and_can_be_left_out(place, tmp_path):
    levels = [row["trust"] for row in rows_of(encoded(place, tmp_path / "z.csv"))]
    known = [float(level) for level in levels if level != "nan"]
    assert all(0 <= level <= 1 for level in known)
    assert "trust" not in rows_of(encoded(place, tmp_path / "z.csv", "--no-trust"))[0]


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
def test_decode_reads_what_encode_writes(suffix, place, tmp_path):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    table = encoded(place, tmp_path / f"z.{suffix}", "--no-trust", run="cvae")
    run_command("decode", place / "cvae", table, "--out", tmp_path / "images.npz")
    data, model = la.load_data(place / "pictures"), la.load(place / "cvae")
    expected = np.concatenate([
        model.reconstruct(split.images, split.labels).numpy() for split in data.splits().values()
    ])  # fmt: skip
    with np.load(tmp_path / "images.npz") as file:
        assert np.abs(file["images"] / 127.5 - 1 - expected).max() <= 0.51 / 127.5


def test_pandas_opens_the_parquet_file(place, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.read_parquet(encoded(place, tmp_path / "z.parquet"))
    columns = ["z0", "z1", "z2", "z3", "split", "index", "label", "file", "trust"]
    assert list(frame.columns) == columns
    assert set(frame["label"]) == set(CLASS_NAMES)
    assert frame["z0"].dtype == np.float32
    csv_rows = rows_of(encoded(place, tmp_path / "z.csv", "--no-trust"))
    assert [row["file"] for row in csv_rows] == list(frame["file"])


def test_json_describes_the_table_and_is_all_of_stdout(place, tmp_path, capsys):
    out = tmp_path / "z.npz"
    command = ["encode", place / "vae", place / "pictures", "--out", out, "--json"]
    content = json.loads(output_of(capsys, *command))
    assert content["n"] == 60 == sum(content["splits"].values())
    assert set(content["splits"]) == set(SPLITS)
    assert content["classes"] == list(CLASS_NAMES)
    assert content["latent_dim"] == 4
    assert content["file"] == str(out)
    with np.load(out) as file:
        assert content["unusual"] == int((file["trust"] < 0.01).sum())


def test_images_without_labels_and_of_another_size_are_encoded(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 20, 24), np.uint8)
    np.savez(tmp_path / "other.npz", images=pixels)
    out = tmp_path / "z.csv"
    run_command("encode", "shipped:vae", tmp_path / "other.npz", "--out", out, "--no-trust")
    assert len(rows_of(out)) == 12
    assert not {"label", "file"} & rows_of(out)[0].keys()
    fitted = la.load_data(tmp_path / "other.npz", size=28).test.images
    expected = la.load("shipped:vae").encode(fitted).mean.detach().numpy()
    (row,) = [row for row in rows_of(out) if row["split"] == "test"]
    assert [float(row["z0"]), float(row["z1"])] == pytest.approx(expected[0].tolist(), abs=1e-5)


def test_colour_images_are_converted_to_the_grey_of_the_model(tmp_path):
    digits = la.load_data("mnist").test.images[:20, 0].numpy()
    pixels = (digits[..., None] * np.array([1.0, 0.8, 0.5])).astype(np.uint8)
    grey = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in pixels])
    np.savez(tmp_path / "colour.npz", images=pixels)
    np.savez(tmp_path / "grey.npz", images=grey)
    for name in ("colour", "grey"):
        command = ["encode", "shipped:ae", tmp_path / f"{name}.npz", "--no-trust"]
        expected = pytest.warns(UserWarning, match="colour to grey")
        with expected if name == "colour" else nullcontext():
            run_command(*command, "--out", tmp_path / f"{name}.csv")
    colour, grey = (
        [float(row[z]) for row in rows_of(tmp_path / f"{name}.csv") for z in ("z0", "z1")]
        for name in ("colour", "grey")
    )
    assert np.allclose(colour, grey, atol=0.1)
    assert np.std(colour) > 0.5


def test_a_model_without_an_encoder_is_refused(place, tmp_path, capsys):
    for name in ("gan", "cgan"):
        for command in ("encode", "reconstruct"):
            options = ["--out", tmp_path / ("z.csv" if command == "encode" else "z.png")]
            arguments = [command, place / name, place / "pictures", *options]
            assert error_code(capsys, *arguments) == "no-encoder"
    assert not list(tmp_path.iterdir())


def test_mistakes_are_refused_before_anything_is_computed(place, tmp_path, capsys, monkeypatch):
    vae, pictures = place / "vae", place / "pictures"
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "empty.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "narrow.npz", z=np.zeros((3, 2), np.float32))
    np.savez(tmp_path / "large.npz", images=np.zeros((20, 4, 9, 9), np.uint8))

    def code(*arguments):
        return error_code(capsys, *arguments)

    assert code("encode", vae, pictures, "--out", tmp_path / "z.xls") == "unknown-format"
    assert code("encode", vae, pictures, "--out", tmp_path / "folder.csv") == "cannot-write"
    assert code("encode", vae, tmp_path / "large.npz") == "data-mismatch"
    assert code("encode", vae, tmp_path / "missing") == "file-not-found"
    assert code("decode", vae, tmp_path / "missing.csv") == "file-not-found"
    assert code("decode", vae, tmp_path / "empty.csv") == "no-latents"
    assert code("decode", vae, tmp_path / "broken.npz") == "damaged-file"
    assert code("decode", vae, tmp_path / "narrow.npz") == "shape-mismatch"
    assert code("decode", vae, tmp_path / "narrow.npz", "--out", "a.gif") == "unknown-format"
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert code("encode", vae, pictures, "--out", tmp_path / "z.parquet") == "missing-package"


def test_a_conditional_decoder_needs_labels(place, tmp_path, capsys):
    np.savez(tmp_path / "z.npz", z=np.zeros((3, 8), np.float32))
    command = ["decode", place / "cgan", tmp_path / "z.npz", "--out", tmp_path / "a.npz"]
    assert error_code(capsys, *command) == "label-missing"
    run_command(*command, "--label", "top")
    expected = la.load(place / "cgan").decode(np.zeros((3, 8)), "top").detach().numpy()
    with np.load(tmp_path / "a.npz") as file:
        assert np.abs(file["images"] / 127.5 - 1 - expected.clip(-1, 1)).max() <= 0.51 / 127.5


def test_reconstruct_writes_pairs_and_reports_their_error(place, tmp_path, capsys):
    out = tmp_path / "pairs.npz"
    command = ["reconstruct", place / "vae", place / "pictures", "--split", "train"]
    content = json.loads(output_of(capsys, *command, "--out", out, "--json"))
    split = la.load_data(place / "pictures").train
    expected = la.load(place / "vae").reconstruct(split.images)
    errors = (expected - (split.images / 127.5 - 1)).square().flatten(1).mean(1)
    assert content["n"] == len(split)
    assert content["error"] == pytest.approx(float(errors.mean()), rel=1e-4)
    assert content["interval"][0] < content["error"] < content["interval"][1]
    with np.load(out) as file:
        assert (file["images"] == split.images.numpy()).all()
        assert np.abs(file["reconstructions"] / 127.5 - 1 - expected.numpy()).max() <= 0.51 / 127.5
        assert np.allclose(file["error"], errors.numpy(), atol=1e-5)
    run_command(*command, "--out", tmp_path / "pairs.png", "-n", 3, "--scale", 1)
    picture = np.asarray(Image.open(tmp_path / "pairs.png"))
    with np.load(out) as file:
        left = picture[:12, :10]
        (k,) = np.flatnonzero((file["images"][:, 0] == left).all((1, 2)))
        right = picture[:12, 12:22].astype(int)
        assert np.abs(right - file["reconstructions"][k, 0]).max() <= 1  # other batches
