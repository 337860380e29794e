"""Whoever stands still is told of, and nobody is left standing."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.simulation.world import Actor, Stuck, World

pytestmark = pytest.mark.fast


def stand(actor: Actor) -> None:
    actor.io("s3.get_object", lambda: None, RuntimeError)


def test_an_actor_that_never_comes_back_is_told_of_and_what_each_is_at() -> None:
    world, never = World(seed=0, longest_step_s=0.1), Event()
    world.start("load", lambda actor: actor.io("warehouse: LOCK", never.wait, RuntimeError))
    world.start("extract", stand)
    waiting, other = world.actors
    for actor in (waiting, other):
        world.step(actor)
    with pytest.raises(
        Stuck, match="^load-0 has not come back within 0 s. What each is at: load-0 .* LOCK; extract-1 s3"
    ):
        world.step(waiting)
    never.set()
    world.end()


def test_at_the_end_nobody_stands_not_even_in_a_pool() -> None:
    """A pool's thread that waits for its turn would keep Python from ending."""
    world, threads = World(seed=0), list[str]()

    def work(actor: Actor) -> None:
        with ThreadPoolExecutor(1, initializer=lambda: threads.append("begun")) as pool:
            pool.submit(stand, actor).result()
        threads.append("ended well")

    world.start("load", work)
    (actor,) = world.actors
    world.step(actor)
    world.end()
    assert threads == ["begun"]
    assert not actor.thread.is_alive() and not world.actors
