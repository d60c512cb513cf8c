"""`lossmith train vae|gan|dcgan` and `lossmith generate`, as they are typed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from lossmith.cli import main

VAE = ["train", "vae", "iris", "--epochs", "2", "--network", "dense:hidden=8", "--latent", "2", "--quiet"]
GAN = ["train", "gan", "ring", "--steps", "10", "--network", "dense:hidden=8", "--quiet"]


def called(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.mark.slow
def test_a_vae_from_training_to_rows(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = called(
        [
            *VAE,
            "--json",
            "--out",
            "m.safetensors",
            "--samples",
            "pictures",
            "--report",
            "r.html",
            "--export",
            "d.keras",
        ],
        capsys,
    )
    said = json.loads(out)
    assert code == 0 and said["negative_elbo"] == pytest.approx(said["reconstruction"] + said["divergence"])
    assert (tmp_path / "pictures" / "map.png").exists() and (tmp_path / "d.keras").exists()
    assert "-ELBO" in (tmp_path / "r.html").read_text()
    code, out, _ = called(["generate", "m.safetensors", "--n", "3", "--seed", "4"], capsys)
    again = called(["generate", "m.safetensors", "--n", "3", "--seed", "4"], capsys)[1]
    assert code == 0 and out == again and out.splitlines()[0] == "x0,x1,x2,x3" and len(out.splitlines()) == 4
    assert called(["generate", "m.safetensors", "--out", "rows.npy", "--n", "7", "--quiet"], capsys)[0] == 0
    assert np.load("rows.npy").shape == (7, 4)
    code, _, err = called(["generate", "m.safetensors", "--out", "rows.png"], capsys)
    assert code == 2 and "write a .csv file" in err
    code, _, err = called(["generate", "m.safetensors", "--top-k", "3"], capsys)
    assert code == 2 and "--top-k" in err


@pytest.mark.slow
def test_a_gan_is_diagnosed_and_its_points_are_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = called([*GAN, "--samples", "p", "--sample-every", "5", "--strict"], capsys)
    assert "modes" in out and code in (0, 1)
    for name in ("step-000000", "step-000005", "step-000010", "samples", "losses"):
        with Image.open(tmp_path / "p" / f"{name}.png") as picture:
            assert picture.width > 100
    assert called(["generate", "gan.safetensors", "--out", "points.png", "--quiet"], capsys)[0] == 0
    code, _, err = called(["generate", "gan.safetensors", "--temperature", "0.5"], capsys)
    assert code == 2 and "--temperature" in err


@pytest.mark.slow
def test_pictures_in_folders(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label, grey in (("dark", 40), ("light", 200)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for place in range(20):
            pixels = np.clip(rng.normal(grey, 20, (10, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{place}.png")
    code, out, _ = called(
        [
            "train",
            "dcgan",
            "data",
            "--size",
            "8",
            "--base",
            "4",
            "--steps",
            "3",
            "--batch-size",
            "8",
            "--samples",
            "p",
            "--quiet",
            "--json",
        ],
        capsys,
    )
    assert code == 0 and "frechet_distance" in json.loads(out)["measures"]
    code, out, _ = called(["generate", "dcgan.safetensors", "--n", "9", "--out", "grid.png"], capsys)
    with Image.open(tmp_path / "grid.png") as picture:
        assert code == 0 and picture.size == (3 * 56 + 4, 3 * 56 + 4)


def written(folder, rng, **greys):
    """Write pictures of noise around a grey, a folder for each."""
    for label, grey in greys.items():
        (folder / label).mkdir(parents=True)
        for place in range(20):
            pixels = np.clip(rng.normal(grey, 20, (10, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{place}.png")


def test_pictures_of_rare_classes_are_one_heap(tmp_path):
    """Three folders of which one holds two pictures: no classes, all pictures; enough in each: classes, unless nobody asks."""
    from lossmith.cli._train_rows import every_row, read

    written(tmp_path / "some", np.random.default_rng(0), dark=40, light=200)
    asked = {"target": None, "data_dir": None, "seed": 3, "size": 6}
    sound = read(str(tmp_path / "some"), **asked)
    assert sound.train.shape[1:] == (6, 6, 3) and set(sound.labels) == {"dark", "light"}
    for place in range(2):
        (tmp_path / "some" / "rare").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (9, 9, place)).save(tmp_path / "some" / "rare" / f"{place}.png")
    rare = read(str(tmp_path / "some"), **asked)
    assert rare.labels is None and len(rare.train) + len(rare.held_out) == 42 and "without classes" in rare.words
    (tmp_path / "some" / "rare" / "0.png").unlink()
    assert every_row(str(tmp_path / "some"), target=None, data_dir=None, size=6).shape == (41, 6, 6, 3)
    written(tmp_path / "kinds", np.random.default_rng(1), one=10, other=90)
    assert read(str(tmp_path / "kinds"), **asked, classes=False).labels is None


@pytest.mark.slow
def test_pictures_are_translated(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "data", np.random.default_rng(0), dark=40, light=200)
    small = ["--size", "8", "--network", "conv:base=2,blocks=1", "--steps", "3", "--batch-size", "4", "--quiet"]
    told = ["--samples", "p", "--sample-every", "2", "--report", "r.html", "--export", "there.keras", "--json"]
    # folders of pictures without classes
    code, out, _ = called(["train", "cyclegan", "data/dark", "data/light", *small, *told], capsys)
    assert code == 0 and set(json.loads(out)["measures"]) == {"there", "back"}
    for name in ("there-rows", "there-made", "back-returned", "step-000002", "losses"):
        assert (tmp_path / "p" / f"{name}.png").exists()
    assert "cycle error" in (tmp_path / "r.html").read_text() and (tmp_path / "there.keras").exists()
    asked = ["translate", "cyclegan.safetensors", "data/light", "--size", "8"]
    code, out, _ = called([*asked, "--back", "--n", "4", "--out", "made.npy"], capsys)
    assert code == 0 and "4 rows" in out and np.load("made.npy").shape == (4, 8, 8, 3)
    code, _, err = called([*asked, "--to", "dark"], capsys)
    assert code == 2 and "model of two kinds" in err
    code, _, err = called(["generate", "cyclegan.safetensors"], capsys)
    assert code == 2 and "lossmith translate" in err
    code, out, _ = called(["train", "stargan", "data", *small, "--samples", "q", "--json"], capsys)
    assert code == 0 and set(json.loads(out)["measures"]) == {"to dark", "to light"}
    assert (tmp_path / "q" / "to-dark.png").exists()
    asked = ["translate", "stargan.safetensors", "data", "--size", "8"]
    code, out, _ = called([*asked, "--to", "light", "--n", "3", "--out", "made.png", "--json"], capsys)
    assert code == 0 and json.loads(out)["shape"] == [8, 8, 3]
    code, _, err = called(asked, capsys)
    assert code == 2 and "--to CLASS, one of dark, light" in err
    code, _, err = called([*asked, "--to", "grey"], capsys)
    assert code == 2 and "one of dark, light" in err and err.count("\n") == 1


@pytest.mark.slow
def test_images_grow(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "data", np.random.default_rng(0), dark=40, light=200)
    small = ["--size", "8", "--stages", "2", "--base", "2", "--latent", "4", "--steps", "2", "--batch-size", "4"]
    code, out, _ = called(["train", "progressive", "data", *small, "--samples", "p", "--quiet", "--json"], capsys)
    assert code == 0 and "frechet_distance" in json.loads(out)["measures"]
    code, out, _ = called(["generate", "progressive.safetensors", "--n", "4", "--out", "grid.png", "--quiet"], capsys)
    assert code == 0 and (tmp_path / "grid.png").exists()
    code, _, err = called(["translate", "progressive.safetensors", "data"], capsys)
    assert code == 2 and "use lossmith generate" in err
    code, _, err = called(["train", "progressive", "data", "--size", "12", "--stages", "3", "--quiet"], capsys)
    assert code == 2 and "4 divides, 16 or more" in err


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["train", "gan", "ring:side=3"], "parameters of a ring"),
        (["train", "gan", "ring", "--objective", "hing"], "did you mean 'hinge'"),
        (["train", "gan", "ring", "--sample-every", "5"], "add --samples DIR"),
        (["train", "gan", "ring", "--conditional"], "data with classes"),
        (["train", "dcgan", "ring"], "images"),
        (["train", "vae", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (["train", "vae", "iris", "--likelihood", "bernoulli"], "numbers in [0, 1]"),
        (["train", "vae", "iris", "--out", "."], "is a folder"),
        (["train", "cyclegan", "iris", "wine"], "second kind"),
        (["train", "cyclegan", "ring", "grid", "--objective", "wasserstein"], "needs a penalty"),
        (["train", "cyclegan", "ring", "grid", "--sample-every", "5"], "add --samples DIR"),
        (["train", "stargan", "ring"], "no classes"),
        (["train", "progressive", "ring"], "images"),
        (["translate", "nowhere.safetensors", "ring"], "nowhere.safetensors"),
        (["translate", "nowhere.safetensors", "ring", "--out", "rows.xml"], ".png, .csv or .npy"),
        (["generate", "nowhere.safetensors"], "cannot be read"),
    ],
)
def test_refusals_in_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = called([*arguments, *(["--quiet"] if arguments[0] == "train" else [])], capsys)
    assert code == 2 and words in err and err.count("\n") == 1 and out == ""
