"""Pictures of generated rows: where images stand on the sheet, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.report.latent_maps import latent_map, write_map
from lossmith.report.sample_grids import GAP, grid_image, write_grid


def test_images_stand_in_rows():
    rows = np.zeros((5, 60, 70, 3))
    rows[4, ..., 1] = 1.0
    rows[0] = np.nan
    sheet = grid_image(rows, columns=2)
    assert sheet.shape == (3 * 60 + 2 * GAP, 2 * 70 + GAP, 3) and sheet.dtype == np.uint8
    assert sheet[2 * (60 + GAP) + 1, 1].tolist() == [0, 255, 0]
    assert sheet[60, 0].tolist() == [255, 255, 255]  # between the rows
    assert sheet[-1, -1].tolist() == [255, 255, 255]  # no sixth image
    grey = grid_image(np.full((1, 64, 64, 1), 2.0))
    assert (grey == 255).all() and grey.shape == (64, 64, 3)


def test_small_images_are_blown_up():
    assert grid_image(np.zeros((1, 8, 8, 1))).shape == (56, 56, 3)


def test_files(tmp_path):
    place = write_grid(
        np.random.default_rng(0).normal(size=(50, 2)), tmp_path / "deep" / "points.png", real=np.zeros((3, 2))
    )
    with Image.open(place) as picture:
        assert picture.size == (500, 500)
    with pytest.raises(InvalidInputError, match=r"write a \.csv file"):
        write_grid(np.zeros((4, 7)), tmp_path / "x.png")
    codes = np.random.default_rng(1).normal(size=(30, 2))
    write_map({"one": codes, "two": codes}, np.arange(30) % 3, tmp_path / "map.png")
    figure = latent_map({"one": codes, "two": codes}, np.arange(30) % 3)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "two"]
    assert len(figure.axes[1].get_legend().get_texts()) == 3
    with pytest.raises(ShapeError):
        latent_map({"one": codes}, np.arange(4))
