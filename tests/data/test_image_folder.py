"""Folders of pictures: every kind of PNG and JPEG, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lossmith import data
from lossmith._errors import DataError, InvalidInputError
from lossmith.data import _image_folder

PER_CLASS = 6


def fill(root: Path, label: str, pictures: list[Image.Image], *, suffix: str = "png") -> None:
    (root / label).mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        picture.save(root / label / f"{number}.{suffix}")


def colours(seed: int, size: tuple[int, int] = (5, 4), mode: str = "RGB") -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    bands = len(Image.new(mode, (1, 1)).getbands())
    shape = (*size, bands) if bands > 1 else size
    return [Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode) for _ in range(PER_CLASS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "pets", "cat", colours(1))
    fill(tmp_path / "pets", "dog", colours(2))
    return tmp_path / "pets"


def test_pixels_and_classes(folder: Path) -> None:
    (folder / ".hidden").mkdir()
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("x")
    Image.new("RGB", (5, 4)).save(folder / "loose.png")
    dataset = data.load(folder)
    assert (dataset.task, dataset.class_names, dataset.class_counts) == ("binary", ("cat", "dog"), (6, 6))
    assert dataset.features.shape == (12, 5, 4, 3) and dataset.features.dtype == np.uint8
    assert np.array_equal(dataset.features[7], np.asarray(Image.open(folder / "dog" / "1.png")))
    assert any("1 pictures beside the folders" in said for said in dataset.decisions)
    assert len(data.split(dataset, seed=1).train) == 8


def test_grey_stays_one_channel_and_mixed_becomes_three(folder: Path) -> None:
    fill(folder.parent / "grey", "a", colours(3, mode="L"))
    fill(folder.parent / "grey", "b", colours(4, mode="LA"))
    grey = data.load(folder.parent / "grey")
    assert grey.features.shape == (12, 5, 4, 1)
    assert np.array_equal(grey.features[2, ..., 0], np.asarray(Image.open(folder.parent / "grey" / "a" / "2.png")))
    fill(folder, "dog", colours(5, mode="L"))
    mixed = data.load(folder)
    assert mixed.features.shape[-1] == 3 and (mixed.features[8, ..., 0] == mixed.features[8, ..., 2]).all()
    assert any("6 grey pictures" in said for said in mixed.decisions)


def test_transparency_is_laid_on_white(folder: Path) -> None:
    picture = Image.new("RGBA", (4, 5), (200, 100, 0, 255))
    picture.putpixel((1, 2), (200, 100, 0, 0))
    picture.putpixel((2, 2), (200, 100, 0, 51))  # a fifth
    fill(folder, "cat", [picture])
    palette = Image.new("P", (4, 5), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putpixel((0, 0), 0)
    palette.info["transparency"] = 0
    fill(folder, "dog", [palette])
    dataset = data.load(folder)
    assert dataset.features[0, 2, 1].tolist() == [255, 255, 255]
    assert dataset.features[0, 2, 2].tolist() == [244, 224, 204]  # 255 + (c - 255) / 5
    assert dataset.features[0, 0, 0].tolist() == [200, 100, 0]
    assert dataset.features[6, 0, 0].tolist() == [255, 255, 255] and dataset.features[6, 1, 1].tolist() == [10, 20, 30]
    assert any(said.startswith("2 pictures shine through") for said in dataset.decisions)


def test_other_sizes_are_scaled_to_the_median(folder: Path) -> None:
    fill(folder, "dog", colours(6, size=(300, 200)))
    dataset = data.load(folder)
    assert dataset.features.shape[1:] == (5, 4, 3)
    assert any("2 sizes are scaled to 5 x 4" in said for said in dataset.decisions)
    fill(folder, "owl", colours(7, size=(300, 200)))
    assert data.load(folder).features.shape[1:] == (64, 43, 3)  # 300 x 200 by 64 / 300
    chosen = data.load_image_folder(folder, size=(8, 6))
    assert chosen.features.shape[1:] == (8, 6, 3)


def test_sixteen_bits_jpeg_and_turned_pictures(tmp_path: Path) -> None:
    deep = np.full((4, 4), 32_896, np.uint16)  # 128 * 257
    fill(tmp_path / "deep", "a", [Image.fromarray(deep)] * PER_CLASS)
    fill(tmp_path / "deep", "b", colours(8, size=(4, 4), mode="L"))
    assert (data.load(tmp_path / "deep").features[0] == 128).all()
    flat = [Image.new("RGB", (8, 8), (200, 10, 30))] * PER_CLASS
    fill(tmp_path / "photo", "a", flat, suffix="jpeg")
    fill(tmp_path / "photo", "b", flat, suffix="JPG")
    photo = data.load(tmp_path / "photo").features[0].astype(int)
    assert np.abs(photo - [200, 10, 30]).max() <= 3
    wide = Image.new("RGB", (6, 2), (9, 9, 9))
    exif = wide.getexif()
    exif[0x0112] = 6  # turned by a quarter
    (tmp_path / "turned" / "a").mkdir(parents=True)
    for number in range(PER_CLASS):
        wide.save(tmp_path / "turned" / "a" / f"{number}.jpg", exif=exif)
    fill(tmp_path / "turned", "b", [Image.new("RGB", (2, 6))] * PER_CLASS)
    assert data.load(tmp_path / "turned").features.shape[1:3] == (6, 2)


def test_files_that_are_no_pictures(folder: Path) -> None:
    whole = (folder / "cat" / "0.png").read_bytes()
    for content in (b"", b"GIF89a", whole[: len(whole) // 2], whole[:40], b"\x89PNG\r\n\x1a\n" + b"\xff" * 60):
        (folder / "cat" / "0.png").write_bytes(content)
        with pytest.raises(DataError, match=r"0\.png.*no picture that can be read"):
            data.load(folder)


def test_a_picture_that_is_far_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_folder, "PIXELS", 100)
    Image.new("1", (11, 10)).save(folder / "cat" / "0.png")
    with pytest.raises(DataError, match="11 x 10 pixels; expected at most 100"):
        data.load(folder)
    monkeypatch.setattr(_image_folder, "ROOM", 10)
    Image.new("1", (4, 5)).save(folder / "cat" / "0.png")
    with pytest.raises(DataError, match="GiB together"):
        data.load(folder)


def test_folders_that_hold_too_little(tmp_path: Path, folder: Path) -> None:
    fill(tmp_path / "one", "only", colours(9))
    with pytest.raises(DataError, match="pictures in 1 folder;"):
        data.load(tmp_path / "one")
    fill(folder, "rare", colours(10)[:2])
    with pytest.raises(DataError, match="'rare' has 2 rows"):
        data.load(folder)
    with pytest.raises(InvalidInputError, match="drop= for the folder of pictures"):
        data.load(folder, drop=["x"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        data.load(tmp_path / "nothing")


def test_a_folder_is_found_below_the_data_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSMITH_DATA", str(folder.parent))
    assert data.load("pets").n_samples == 12
    assert data.load("pets", name="animals").name == "animals"


def test_pictures_without_classes(tmp_path):
    from lossmith.data._image_folder import holds_images, holds_loose_images, load_pictures

    assert not holds_loose_images(tmp_path) and not holds_loose_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no pictures"):
        load_pictures(tmp_path)
    for place, grey in enumerate((10, 200)):
        Image.new("L", (8, 6), grey).save(tmp_path / f"{place}.png")
    assert holds_loose_images(tmp_path) and not holds_images(tmp_path)
    images, decisions = load_pictures(tmp_path)
    assert images.shape == (2, 6, 8, 1) and images[:, 0, 0, 0].tolist() == [10, 200] and decisions == []
    images, decisions = load_pictures(tmp_path, size=(3, 4))
    assert images.shape == (2, 3, 4, 1) and "scaled to 3 x 4" in decisions[0]
    # a folder below it with pictures makes classes of folders
    (tmp_path / "class").mkdir()
    Image.new("L", (8, 6), 5).save(tmp_path / "class" / "2.png")
    assert holds_images(tmp_path) and not holds_loose_images(tmp_path)


def test_folders_are_classes_where_each_holds_enough(tmp_path):
    from lossmith.data._image_folder import holds_classes

    assert not holds_classes(tmp_path) and not holds_classes(tmp_path / "nowhere")
    fill(tmp_path, "one", colours(1))
    assert not holds_classes(tmp_path)  # a single class
    fill(tmp_path, "two", colours(2)[:3])
    assert not holds_classes(tmp_path)  # nine rows are too few for three parts
    fill(tmp_path, "three", colours(3)[:3])
    (tmp_path / "empty").mkdir()
    assert holds_classes(tmp_path) and data.load(tmp_path).n_samples == 12
    (tmp_path / "three" / "2.png").unlink()
    assert not holds_classes(tmp_path)
    with pytest.raises(DataError, match="'three' has 2 rows"):
        data.load(tmp_path)


def test_grey_of_sixteen_bits_is_told_from_grey_of_eight(folder: Path) -> None:
    """White is 65,535 where a value is above 255, and 255 where none is."""
    for largest, wanted in ((255, [0, 100, 255]), (256, [0, 0, 0]), (65_535, [0, 0, 255])):
        picture = Image.fromarray(np.array([[0, 100, largest]], np.uint16))
        picture.save(folder / "cat" / "0.png")
        pixels = np.zeros((1, 3, 1), np.uint8)
        _image_folder._unpack(folder / "cat" / "0.png", pixels)
        assert pixels[0, :, 0].tolist() == wanted
        assert _image_folder._survey([folder / "cat" / "0.png"])[1] == 1
    for value, wanted in ((3.7, 3), (-5.0, 0)):
        picture = Image.fromarray(np.array([[value]], np.float32))
        assert np.asarray(_image_folder._plain(picture, "L", value)).tolist() == [[wanted]]


def seen(*, through: bool, size: tuple[int, int]) -> np.ndarray:
    """A picture of 150 rows, more than are taken from Pillow at once, of one colour a row, perhaps shining through below."""
    colours = np.zeros((*size, 4), np.uint8)
    colours[..., 0] = np.arange(size[0])[:, None]
    colours[..., 3] = 255
    if through:
        colours[size[0] // 2 :, :, 3] = 0
    return colours


@pytest.mark.parametrize("through", [False, True], ids=["opaque", "shining through"])
@pytest.mark.parametrize("height", [150, 75], ids=["as it is", "scaled"])
def test_high_pictures_are_taken_row_by_row(tmp_path: Path, through: bool, height: int) -> None:
    Image.fromarray(seen(through=through, size=(150, 4))).save(tmp_path / "a.png")
    pixels = np.zeros((height, 2 if height == 75 else 4, 3), np.uint8)
    _image_folder._unpack(tmp_path / "a.png", pixels)
    wanted = np.arange(150.0) if height == 150 else np.arange(75) * 2 + 0.5  # the mean of two rows
    if through:
        wanted[height // 2 :] = 255
        assert (pixels[height // 2 + 2 :] == 255).all()
    inside = slice(2, height // 2 - 2)
    assert np.abs(pixels[inside, :, 0] - wanted[inside, None]).max() <= (0 if height == 150 else 1)
    assert (pixels[inside, :, 1:] == 0).all()
    assert _image_folder._survey([tmp_path / "a.png"])[2] == through


@pytest.mark.parametrize(("height", "brightest"), [(150, 65_535), (150, 200), (75, 65_535)])
def test_white_of_a_high_deep_picture_is_that_of_all_its_rows(tmp_path: Path, height: int, brightest: int) -> None:
    """The row that says that white is 65,535 stands far below the first ones."""
    values = np.full((150, 4), 100, np.uint16)
    values[-1] = brightest
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = np.zeros((height, 4, 1), np.uint8)
    _image_folder._unpack(tmp_path / "a.png", pixels)
    assert (pixels[: height - 2] == (0 if brightest > 255 else 100)).all()
    assert pixels[-1].max() == (
        255 if height == 150 and brightest > 255 else 200 if height == 150 else pixels[-1].max()
    )


def test_how_much_room_pictures_may_take(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number times height times width times channels, and not one byte more."""
    monkeypatch.setattr(_image_folder, "ROOM", 12 * 5 * 4 * 3)
    assert data.load(folder).n_samples == 12
    monkeypatch.setattr(_image_folder, "ROOM", 12 * 5 * 4 * 3 - 1)
    with pytest.raises(
        DataError, match="12 pictures of 5 x 4 pixels; expected at most 0 GiB together; give a smaller size"
    ):
        data.load(folder)


def test_the_size_of_most_pictures() -> None:
    from collections import Counter

    assert _image_folder._common_size(Counter({(7, 900): 3})) == (7, 900)
    assert _image_folder._common_size(Counter({(10, 20): 2, (30, 5): 1})) == (10, 20)
    assert _image_folder._common_size(Counter({(10, 20): 1, (30, 5): 1})) == (10, 5)
    assert _image_folder._common_size(Counter({(1, 1000): 1, (1, 2000): 1})) == (1, 64)
    assert _image_folder._common_size(Counter({(1000, 1): 2, (2000, 1): 1})) == (64, 1)
    assert _image_folder._common_size(Counter({(64, 64): 2, (2, 2): 1})) == (64, 64)


def test_what_was_decided_about_pictures(folder: Path) -> None:
    said = data.load(folder).decisions
    assert not any("scaled" in one or "grey" in one or "shine" in one for one in said)
    assert any(
        "Pictures of 1 sizes are scaled to 8 x 6 pixels." in one
        for one in data.load_image_folder(folder, size=(8, 6)).decisions
    )
    assert not any("scaled" in one for one in data.load_image_folder(folder, size=(5, 4)).decisions)


def test_the_most_pixels_of_one_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_folder, "PIXELS", 20)
    assert data.load(folder).n_samples == 12
    monkeypatch.setattr(_image_folder, "PIXELS", 19)
    with pytest.raises(DataError, match=r"has 4 x 5 pixels; expected at most 19 pixels; scale it down"):
        data.load(folder)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1", "L", "RGB"])
def test_channels_that_are_scaled_alone_are_those_of_the_whole(tmp_path: Path, mode: str) -> None:
    rng = np.random.default_rng(3)
    whole = Image.fromarray(rng.integers(0, 256, (150, 21, 3)).astype(np.uint8)).convert(mode)
    whole.save(tmp_path / "a.png")
    pixels = np.zeros((40, 9, 3), np.uint8)
    _image_folder._unpack(tmp_path / "a.png", pixels)
    assert np.array_equal(pixels, np.asarray(whole.convert("RGB").resize((9, 40), Image.Resampling.BILINEAR)))
