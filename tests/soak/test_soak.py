"""A short soak: the same as the long one, only faster, and too short to tell whether anything grows."""

from __future__ import annotations

import random

import pytest

from .crew import Size, growth
from .run import QUICK, Soak
from .verdict import judge

SECONDS = 9.0


@pytest.mark.timeout(240)
def test_in_any_weather_nobody_signs_in_again_and_nothing_is_lost() -> None:
    seed = random.randrange(1 << 32)
    lines: list[str] = []
    soak = Soak(SECONDS, seed=seed, pace=QUICK, tell=lines.append)
    soak.run()
    findings = judge(soak)
    told = "\n".join([f"seed {seed}", soak.progress(SECONDS), *soak.crew.unexpected])
    assert [finding.what for finding in findings if not finding.good] == [], told
    assert len(findings) == 9
    happened = {name.partition(" ")[0] for name in soak.counts} | set(soak.counts)
    assert {"mcp", "full disk", "tokens withdrawn"} <= happened, told
    assert soak.az.refreshes >= 4, told
    for spoil in SPOILED:
        spoil(soak)
        assert sum(not finding.good for finding in judge(soak)) == 1 + SPOILED.index(spoil)


def spoil_person(soak: Soak) -> None:
    soak.crew.now[0].said["prompts"] += 1


def spoil_store(soak: Soak) -> None:
    soak.stored_tallies["0"] = 0


def spoil_server(soak: Soak) -> None:
    soak.az.reuses += 1


def spoil_caller(soak: Soak) -> None:
    soak.crew.lives[-1].unexpected.append("an error")


def spoil_manners(soak: Soak) -> None:
    soak.violations.append("a cookie")


def spoil_calm(soak: Soak) -> None:
    soak.crew.now[-1].last = ["200", "401"]


def spoil_disk(soak: Soak) -> None:
    soak.unstored += 1


def spoil_files(soak: Soak) -> None:
    soak.left_over.add("store/.tmp/half")


SPOILED = (
    *(spoil_person, spoil_store, spoil_server, spoil_caller, spoil_manners, spoil_calm, spoil_disk, spoil_files),
)


def sizes(*megabytes: float, threads: int = 5, descriptors: int = 9) -> list[Size]:
    return [Size(int(one * 1e6), threads, descriptors) for one in megabytes]


def test_growth_is_that_after_the_warm_up() -> None:
    warming, steady = sizes(*range(10, 30)), sizes(*[40.0] * 80)
    assert growth(warming + steady, warm_up=0.2) == (0, 0, 0)


def test_what_grows_slowly_is_seen() -> None:
    leaking = [Size(40_000_000 + number * 100_000, 5 + number // 50, 9 + number // 20) for number in range(200)]
    assert growth(leaking, warm_up=0.2) == (14_400_000, 3, 7)


def test_of_a_short_life_nothing_is_told() -> None:
    assert growth(sizes(*[40.0] * 19), warm_up=0) is None
