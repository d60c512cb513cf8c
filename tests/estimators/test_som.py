"""Self-organizing maps: against the definition row by row, MiniSom's rule by hand, and scikit-learn's ranks."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris, make_blobs
from sklearn.manifold import trustworthiness
from sklearn.preprocessing import StandardScaler

from lossmith._errors import InvalidInputError, LossmithError, ModelFileError, ShapeError
from lossmith.estimators import SelfOrganizingMap, load, suggest_radius
from lossmith.estimators import _som_quality as quality
from lossmith.estimators import _som_training as training
from lossmith.estimators._som_grid import decayed, make_grid, neighbourhood

RNG = np.random.default_rng(0)
IRIS = StandardScaler().fit_transform(load_iris().data)
NAN = IRIS.copy()
NAN[RNG.uniform(size=NAN.shape) < 0.15] = np.nan
NAN[np.isnan(NAN).all(axis=1)] = 0.0


def _apart(x, w, distance):
    """Return the distance of one row to one unit, over what is there."""
    there = ~np.isnan(x)
    x, w = x[there], w[there]
    if distance == "manhattan":
        return np.abs(x - w).sum()
    if distance == "cosine":
        return 1 - x @ w / np.sqrt((x @ x) * (w @ w))
    return ((x - w) ** 2).sum()


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("rows", [IRIS, NAN], ids=["whole", "missing"])
@pytest.mark.parametrize(("kind", "grid"), [("gaussian", "rectangular"), ("bubble", "hexagonal")])
def test_a_batch_epoch_is_its_definition(distance, rows, kind, grid):
    rows = rows[:40]
    made = make_grid(2, 3, grid, "planar")
    units = np.stack([training.start_units(rows, made, "random", np.random.default_rng(s)) for s in (1, 2)])
    found = training.train_batch(training.Rows(rows), units, made, [1.2], kind=kind, distance=distance)
    for w, new in zip(units, found, strict=True):
        best = [int(np.argmin([_apart(x, unit, distance) for unit in w])) for x in rows]
        for u in range(6):
            h = np.array([neighbourhood(kind, made.squares[u, b], 1.2) for b in best])[:, None]
            there = ~np.isnan(rows)
            expected = (h * np.nan_to_num(rows)).sum(axis=0) / (h * there).sum(axis=0)
            assert_allclose(new[u], expected, rtol=1e-9)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("kind", ["gaussian", "bubble", "mexican_hat"])
def test_online_steps_are_their_definition(distance, kind):
    rows, made = NAN[:12], make_grid(3, 2, "rectangular", "planar")
    units = np.stack([training.start_units(rows, made, "sample", np.random.default_rng(s)) for s in (3, 4)])
    orders = np.stack([np.random.default_rng(s).permutation(12) for s in (5, 6)])
    radii, rates = decayed("linear", 1.5, 0.5, 12), decayed("exponential", 0.5, 0.1, 12)
    found = training.train_online(training.Rows(rows), units, made, orders, radii, rates, kind=kind, distance=distance)
    for w, order, end in zip(units.copy(), orders, found, strict=True):
        for t, row in enumerate(order):
            best = int(np.argmin([_apart(rows[row], unit, distance) for unit in w]))
            h = neighbourhood(kind, made.squares[best], radii[t])[:, None]
            w += rates[t] * h * np.nan_to_num(rows[row] - w)
            if kind == "mexican_hat":  # what is pushed away stops where the rows end
                w = np.clip(w, np.nanmin(rows, axis=0), np.nanmax(rows, axis=0))
        assert_allclose(end, w, rtol=2e-4, atol=2e-4)


def test_units_under_the_mexican_hat_stay_within_the_data():
    """At the default rates units that are pushed away grow by a fifth at each step without a border."""
    som = SelfOrganizingMap(
        rows=6, columns=6, training="online", neighbourhood="mexican_hat", final_radius=2.0, random_state=0
    ).fit(IRIS)
    assert (som.weights_ >= IRIS.min(axis=0) - 1e-5).all() and (som.weights_ <= IRIS.max(axis=0) + 1e-5).all()
    # the winners themselves are drawn to the rows: nearer than the mean of all of them
    assert som.quantization_error_ < 0.8 * np.linalg.norm(IRIS - IRIS.mean(axis=0), axis=1).mean()


def test_the_worked_example_has_its_winner_at_node_nine():
    """Nine nodes and one input: the nearest is node 9 (0.567); node 3 (0.575), halfway moved, is (0.545, 0.51, 0.675)."""
    x = np.array([[0.7, 0.6, 0.9]])
    weights = np.array(
        [[0.31, 0.22, 0.10], [0.21, 0.34, 0.19], [0.39, 0.42, 0.45], [0.25, 0.32, 0.62], [0.24, 0.31, 0.16],
         [0.52, 0.33, 0.42], [0.31, 0.22, 0.10], [0.12, 0.41, 0.19], [0.34, 0.40, 0.51]]
    )  # fmt: skip
    distances = quality.distances_to_units(x, weights, "euclidean")
    assert_allclose(distances[0].round(4), [0.9677, 0.9010, 0.5753, 0.5994, 0.9183, 0.5794, 0.9677, 0.9363, 0.5672])
    assert distances.argmin() == 8
    alone = make_grid(1, 1, "rectangular", "planar")
    moved = training.train_online(
        training.Rows(x),
        weights[None, [2]],
        alone,
        np.array([[0]]),
        [1.0],
        [0.5],
        kind="gaussian",
        distance="euclidean",
    )
    assert_allclose(moved[0, 0], [0.545, 0.51, 0.675], atol=1e-6)


def _steps(shape, kind, border):
    """Return neighbours by walking: offsets on squares, and on lines of hexagons that shift by half a step."""
    rows, columns = shape
    found = np.zeros((rows * columns,) * 2, bool)
    for r, c in itertools.product(range(rows), range(columns)):
        if kind == "rectangular":
            offsets = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
        else:
            side = 0 if r % 2 else -1
            offsets = [(0, -1), (0, 1), (-1, side), (-1, side + 1), (1, side), (1, side + 1)]
        for a, b in offsets:
            p, q = r + a, c + b
            if border == "toroidal":
                p, q = p % rows, q % columns
            if 0 <= p < rows and 0 <= q < columns:
                found[r * columns + c, p * columns + q] = True
    return found


@pytest.mark.parametrize("kind", ["rectangular", "hexagonal"])
@pytest.mark.parametrize("border", ["planar", "toroidal"])
def test_neighbours_are_those_one_walks_to(kind, border):
    assert np.array_equal(make_grid(6, 5, kind, border).adjacent, _steps((6, 5), kind, border))


def test_hexagons_on_a_torus_need_an_even_number_of_lines():
    with pytest.raises(InvalidInputError, match="take 6 rows"):
        make_grid(5, 4, "hexagonal", "toroidal")


@pytest.mark.parametrize(
    ("kind", "border"), [("hexagonal", "planar"), ("hexagonal", "toroidal"), ("rectangular", "toroidal")]
)
def test_topographic_error_counts_rows_whose_best_two_are_apart(kind, border):
    grid = make_grid(4, 5, kind, border)
    distances = RNG.uniform(size=(200, 20))
    order = np.argsort(distances, axis=1)
    expected = 1 - _steps((4, 5), kind, border)[order[:, 0], order[:, 1]].mean()
    assert_allclose(quality.topographic_error(distances, grid), expected)


def test_ties_are_errors_only_if_no_choice_makes_neighbours():
    grid = make_grid(1, 5, "rectangular", "planar")
    distances = np.array(
        [
            [1.0, 2, 2, 3, 3],  # best 0, second 1 or 2: 1 is a neighbour
            [2.0, 3, 1, 2, 3],  # best 2, second 0 or 3: 3 is a neighbour
            [1.0, 3, 1, 3, 3],  # 0 and 2 tie for the best place, and are apart
            [1.0, 3, 1, 1, 3],  # 0, 2 and 3 tie: 2 and 3 are neighbours
            [1.0, 9, 9, 2, 2],  # best 0, second 3 or 4: both are far
        ]
    )
    assert_allclose(quality.topographic_error(distances, grid), 2 / 5)


def test_maps_of_ordered_lines_have_no_topographic_error():
    grid = make_grid(4, 6, "hexagonal", "planar")
    assert quality.topographic_error(quality.distances_to_units(grid.places, grid.places, "euclidean"), grid) == 0.0


@pytest.mark.parametrize("k", [3, 10])
def test_trustworthiness_is_that_of_scikit_learn(k):
    data, shown = RNG.normal(size=(80, 5)), RNG.normal(size=(80, 2))
    one, two = (quality.distances_to_units(each, each, "euclidean") for each in (data, shown))
    assert_allclose(quality.trustworthiness(one, two, k), trustworthiness(data, shown, n_neighbors=k))
    assert_allclose(quality.continuity(one, two, k), trustworthiness(shown, data, n_neighbors=k))


def test_distances_where_values_miss_are_scaled_to_all_features():
    x, units = np.array([[1.0, np.nan, 3.0]]), np.array([[0.0, 7.0, 1.0], [1.0, 1.0, 3.0]])
    assert_allclose(quality.distances_to_units(x, units, "euclidean"), [[np.sqrt(5 * 1.5), 0.0]])
    assert_allclose(quality.distances_to_units(x, units, "manhattan"), [[3 * 1.5, 0.0]])


def test_a_map_of_blobs():
    X, y = make_blobs(600, 5, centers=4, random_state=0)
    X = StandardScaler().fit_transform(X)
    som = SelfOrganizingMap(rows=8, columns=8, random_state=0).fit(X)
    shown = som.neighbourhood_preservation(X)
    assert shown["trustworthiness"] > 0.95 and shown["continuity"] > 0.9
    clusters = som.cluster(4)[som.predict(X)]
    assert all(len(set(y[clusters == c])) == 1 for c in range(4))
    assert_allclose(som.quantization_error(X), som.quantization_error_)
    cells = som.win_map(X)
    assert sum(map(len, cells.values())) == 600 == som.hit_map(X).sum()
    for (r, c), rows in cells.items():
        assert (som.winners(X[rows]) == [r, c]).all()
    assert np.array_equal(som.component_planes()[2], som.weights_[:, 2].reshape(8, 8))


def test_u_matrix_is_the_mean_distance_to_the_cells_around():
    som = SelfOrganizingMap(rows=3, columns=4, random_state=0).fit(IRIS)
    around = _steps((3, 4), "rectangular", "planar")
    for unit in range(12):
        far = np.linalg.norm(som.weights_[around[unit]] - som.weights_[unit], axis=1).mean()
        assert_allclose(som.u_matrix().ravel()[unit], far)


@pytest.mark.parametrize("options", [{"initial": "sample"}, {"training": "online", "epochs": 3}])
def test_maps_trained_together_are_those_trained_alone(options):
    maps = SelfOrganizingMap(rows=4, columns=3, **options).fit_seeds(IRIS, [3, 1, 2])
    for one, seed in zip(maps, (3, 1, 2), strict=True):
        alone = SelfOrganizingMap(rows=4, columns=3, random_state=seed, **options).fit(IRIS)
        assert_allclose(one.weights_, alone.weights_, atol=1e-5)
    assert not np.allclose(maps[0].weights_, maps[1].weights_, atol=1e-3)
    assert maps[0].transform(IRIS).shape == (150, 12)


def test_rows_that_fit_nowhere_are_listed_with_ids_and_values(tmp_path):
    X, _ = make_blobs(300, 3, centers=1, random_state=0)
    X[17] += 30
    ids = [f"c{place}" for place in range(300)]
    som = SelfOrganizingMap(rows=5, columns=5, random_state=0).fit(X)
    listed = som.outliers(X, ids=ids, original={"amount": 100 * X[:, 0]})
    assert listed["id"][0] == "c17" and len(listed) < 30
    assert_allclose(listed["amount"][0], 100 * X[17, 0])
    listed.write_csv(tmp_path / "outliers.csv")
    assert (tmp_path / "outliers.csv").read_text().startswith("id,row,column,cell_distance,distance,amount\nc17,")
    assert not som.outlier_cells(threshold=1e9).any()


def test_the_map_as_a_result():
    som = SelfOrganizingMap(rows=3, columns=3, random_state=0).fit(IRIS)
    shown = som.map(IRIS, np.array(["a", "b", "c"])[load_iris().target])
    table = shown.table()
    assert len(table) == 9 and table["hits"].sum() == 150 and table["hits_b"].sum() == 50
    assert json.loads(shown.to_json())["grid"]["shape"] == [3, 3]
    with pytest.raises(ShapeError):
        som.map(IRIS, [1, 2])


def test_files_of_maps(tmp_path):
    som = SelfOrganizingMap(rows=4, columns=2, grid="hexagonal", border="toroidal", random_state=0).fit(NAN)
    som.save(tmp_path / "map.safetensors")
    again = load(tmp_path / "map.safetensors")
    assert np.array_equal(again.transform(NAN), som.transform(NAN)) and np.array_equal(again.u_matrix(), som.u_matrix())
    (tmp_path / "b").write_bytes((tmp_path / "map.safetensors").read_bytes()[:-4])
    with pytest.raises(ModelFileError):
        load(tmp_path / "b")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 0}, "at least 1"),
        ({"grid": "hexagon"}, "did you mean 'hexagonal'"),
        ({"radius": 0}, "a positive number"),
        ({"neighbourhood": "mexican_hat"}, "use training='online'"),
        ({"distance": "cosine"}, "row of zeros"),
        ({"epochs": 1.5}, "at least 1"),
    ],
)
def test_what_cannot_be_used_is_said(values, message):
    with pytest.raises(LossmithError, match=message):
        SelfOrganizingMap(**values).fit(np.vstack([IRIS, np.zeros((1, 4))]))


@pytest.mark.parametrize("rows", [np.full((3, 2), np.nan), np.array([[1.0, np.inf], [0.0, 1.0]])])
def test_rows_without_numbers(rows):
    with pytest.raises(ValueError, match=r"without any value|infinity"):
        SelfOrganizingMap().fit(rows)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1)])
@pytest.mark.parametrize("rows", [IRIS[:1], IRIS[:, :1], np.ones((4, 3)), IRIS.astype(np.float32)])
def test_small_maps_of_little_data(shape, rows):
    som = SelfOrganizingMap(rows=shape[0], columns=shape[1], random_state=0).fit(rows)
    assert np.isfinite(som.weights_).all() and 0 <= som.topographic_error_ <= 1
    assert som.hit_map(rows).sum() == len(rows)


def test_first_radii_by_four_rules():
    X = np.repeat([[0.0, 0.0], [3.0, 4.0], [50.0, 0.0]], 5, axis=0)
    found = {
        rule: suggest_radius(X, rows=100, columns=10, rule=rule, n_clusters=3)
        for rule in ("side", "standardized", "unit interval", "clusters")
    }
    assert found == {"side": 50.0, "standardized": 4.0, "unit interval": 1.0, "clusters": pytest.approx(5.0)}


def test_the_decays():
    assert_allclose(decayed("exponential", 8.0, 1.0, 4), [8, 4, 2, 1])
    assert_allclose(decayed("asymptotic", 3.0, 1.0, 4), [3, 2, 1.5, 1.2])
    assert_allclose(decayed("linear", 3.0, 1.0, 5), [3, 2.5, 2, 1.5, 1])
    assert decayed("exponential", 3.0, 1.0, 1).tolist() == [3.0]
