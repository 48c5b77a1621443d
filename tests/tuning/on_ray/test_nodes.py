from __future__ import annotations

import socket

import pytest

from amc.errors import UserError
from tuning.on_ray.clusters import join_cluster
from tuning.on_ray.nodes import Node, cluster_resources
from tuning.workers.resources import Resources

NODES = [Node("a", 8, 2), Node("b", 4, 0), Node("c", 6, 1)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((None, None, 0.0), Resources(18, 1, 0.0)),
        ((None, 3, 0.0), Resources(2 + 1 + 2, 3, 0.0)),
        ((None, None, None), Resources(3, 1, 1.0)),  # a GPU each, since there are any
        ((None, 2, 0.5), Resources(4 + 2, 2, 0.5)),
        ((None, 3, 0.5), Resources(2 + 2, 3, 0.5)),  # cores run out before GPUs do
        ((None, 1, 2.0), Resources(1, 1, 2.0)),
        ((2, None, 1.0), Resources(2, 1, 1.0)),
        ((4, 1, 1.0), Resources(3, 1, 1.0)),  # a node was lost since the study was started
    ],
)
def test_room_by_hand(asked: tuple[int | None, int | None, float | None], expected: Resources) -> None:
    assert cluster_resources(*asked, NODES) == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((None, 9, 0.0), "no node of the cluster has 9 CPU cores"),
        ((None, 1, 4.0), "no node of the cluster has 1 CPU cores and 4 GPUs"),
        ((None, 1, 3.0), "the largest has 8 CPU cores, and 2 GPUs"),  # three GPUs there are, but not on one node
        ((None, 1, 1.5), "a fraction below 1"),
    ],
)
def test_what_no_node_can_ever_run_is_refused(asked: tuple[int | None, int | None, float | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cluster_resources(*asked, NODES)


def test_an_address_where_nobody_answers_is_one_line() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match="no answer"):
            join_cluster(f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(UserError, match="run the command on a node of the cluster"):
        join_cluster("ray://127.0.0.1:10001")
    with pytest.raises(UserError, match="give auto, or the head's host:port"):
        join_cluster("nonsense")
