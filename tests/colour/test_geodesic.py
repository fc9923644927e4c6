"""Geodesic distances against a plain shortest-path search."""

import heapq

import numpy as np
import pytest

from core.colour.geodesic import nearest_marked

COSTS = {"lightness_cost": 2.0, "chroma_cost": 1.5, "slack": 0.4}


def shortest_ways(lightness, chroma, marked, *, lightness_cost, chroma_cost, slack):
    """Dijkstra's distances, in float64."""
    side = min(marked.shape)
    distance = np.where(marked, 0.0, np.inf)
    queue = [(0.0, int(y), int(x)) for y, x in zip(*np.nonzero(marked), strict=True)]
    while queue:
        so_far, y, x = heapq.heappop(queue)
        for v in range(max(y - 1, 0), min(y + 2, marked.shape[0])):
            for u in range(max(x - 1, 0), min(x + 2, marked.shape[1])):
                length = np.hypot(v - y, u - x) / side
                light = abs(lightness[y, x] - lightness[v, u]) / 100
                way = so_far + length + lightness_cost * max(light - slack * length, 0)
                way += chroma_cost * np.hypot(*(chroma[:, y, x] - chroma[:, v, u])) / 100
                if way < distance[v, u]:
                    distance[v, u] = way
                    heapq.heappush(queue, (way, v, u))
    return distance


@pytest.mark.parametrize("seed", range(4))
def test_distances_are_those_of_a_shortest_path_search(seed):
    random = np.random.default_rng(seed)
    shape = (24, 31) if seed % 2 else (31, 24)
    lightness = random.uniform(0, 100, shape).astype(np.float32)
    chroma = random.uniform(-60, 60, (2, *shape)).astype(np.float32)
    marked = random.random(shape) < 0.01
    marked[3, 4] = True
    distance, origin = nearest_marked(lightness, chroma, marked, **COSTS)
    expected = shortest_ways(lightness.astype(float), chroma.astype(float), marked, **COSTS)
    assert np.abs(distance - expected).max() < 1e-4
    assert marked.ravel()[origin].all()
    assert (origin[marked] == np.flatnonzero(marked)).all()


def test_in_a_flat_picture_the_nearest_mark_wins():
    marked = np.zeros((20, 40), bool)
    marked[10, 5] = marked[10, 35] = True
    flat = np.full((20, 40), 50, np.float32)
    distance, origin = nearest_marked(flat, np.zeros((2, 20, 40), np.float32), marked, **COSTS)
    assert distance[10, 15] == pytest.approx(10 / 20)
    assert origin[10, 15] == 10 * 40 + 5 and origin[10, 30] == 10 * 40 + 35


def test_a_border_is_far_and_the_way_around_it_is_found():
    lightness = np.full((21, 21), 50, np.float32)
    lightness[:18, 10] = 90
    marked = np.zeros((21, 21), bool)
    marked[2, 2] = True
    plain = np.zeros((2, 21, 21), np.float32)
    distance, _ = nearest_marked(lightness, plain, marked, lightness_cost=50, chroma_cost=0)
    across, around = 20 * 0.8, 2 * 16 / 21
    assert around < distance[2, 18] < across


def test_something_must_be_marked():
    planes = np.zeros((3, 4, 4), np.float32)
    with pytest.raises(ValueError, match="marked"):
        nearest_marked(planes[0], planes[1:], planes[0] > 0, **COSTS)
