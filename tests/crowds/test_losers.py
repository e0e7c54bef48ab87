"""Where nobody can wait for anybody, who loses a race uses the winner's tokens and never deletes them."""

from __future__ import annotations

import random

import pytest

from mcp_oauth_sync.authorizer import winner
from tests.scene import Scene

from . import losers

RACES = 25


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winner, "LOOKS", (0.1, 0.3, 0.6, 2.0))


def test_after_random_races_both_are_served_and_the_winners_tokens_are_stored(scene: Scene, looks: None) -> None:
    seed = random.randrange(1 << 32)
    races = losers.run(scene, races=RACES, seed=seed)
    assert races.races == RACES
    assert races.lost > RACES / 2, f"hardly a race: {races}"
    assert races.is_harmless, f"{races} (seed {seed})"


def test_without_a_second_look_a_winner_would_be_deleted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winner, "LOOKS", ())
    seen = (losers.run(scene, races=RACES, seed=seed) for seed in range(4))
    assert not all(races.is_harmless for races in seen), "the races are too tame to show anything"
