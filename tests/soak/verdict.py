"""What to think of a soak: each thing that has to be, what it was, and whether that is good."""

from __future__ import annotations

from typing import NamedTuple

from .crew import growth
from .run import Soak

#: What a process may grow by in one run, after its warm-up.
MEGABYTES, THREADS, DESCRIPTORS = 5.0, 2, 4
#: The part of a run that is its warm-up.
WARM_UP = 0.2
#: Seconds that a run has to last until growth says anything.
LONG = 300.0


class Finding(NamedTuple):
    """One thing that has to be."""

    good: bool
    what: str


def judge(soak: Soak) -> list[Finding]:
    """Judge a run."""
    az, crew = soak.az, soak.crew
    prompts, wanted = crew.sum("prompts") + len(soak.scene.shown), az.authorizations + az.registrations
    excused = sum(soak.counts[name] for name in ("token lost", "token cut", "kill -9", "full disk", "server restarted"))
    lost = sum(record is None or record.tokens is None or not record.can_refresh() for record in soak.records)
    reported = crew.tallies
    uncounted = sum(max(0, said - soak.stored_tallies.get(number, 0)) for number, said in reported.items())
    unserved = [got for life in crew.now for got in life.last or ["nothing"] if got != "200"]
    findings = [
        Finding(prompts == wanted == 0, f"interactive sign-ins: {prompts}, asked for at the server: {wanted}"),
        Finding(
            lost == uncounted == 0 and not soak.lost_bystanders,
            f"lost records: {lost} sign-ins, {len(soak.lost_bystanders)} bystanders, {uncounted} of "
            f"{sum(reported.values())} counted",
        ),
        Finding(
            az.reuses == 0 and az.forgiven <= excused,
            f"reuse of refresh tokens: {az.reuses} unexplained; {az.forgiven} asked for again after one of {excused} "
            "answers, processes and files that were lost",
        ),
        Finding(not crew.unexpected, f"errors and warnings that should not reach a caller: {len(crew.unexpected)}"),
        Finding(not soak.violations, f"what a correct client does not do: {soak.violations}"),
        Finding(
            not unserved and all(soak.finished) and set(soak.statuses) == {0},
            f"in fine weather all are served: {len(crew.now)} processes, not served: {unserved[:5]}, "
            f"exit statuses {soak.statuses}",
        ),
        Finding(
            soak.unstored == 0,
            f"full disks: {soak.counts['full disk']}, {crew.sum('unsaved')} warnings of tokens not stored, "
            f"stored soon after {soak.counts['stored later']}, never by {soak.unstored} processes",
        ),
        Finding(not soak.left_over, f"files left over: {sorted(soak.left_over)}"),
        Finding(az.refreshes > 0 and crew.got["200"] > 0, f"{az.refreshes} refreshes, {crew.got['200']} plain answers"),
    ]
    return findings + (grown(soak) if soak.seconds >= LONG else [])


def grown(soak: Soak) -> list[Finding]:
    """Judge what the processes that were there from the beginning have grown by."""
    found = []
    for life in soak.crew.lives:
        if life.killed or len(life.sizes) < 300:  # of those that were killed, none lived long enough to tell
            continue
        by = growth(life.sizes, warm_up=WARM_UP)
        if by is None:
            continue
        small = by.memory < MEGABYTES * 1e6 and by.threads <= THREADS and by.descriptors <= DESCRIPTORS
        found.append(
            Finding(
                small,
                f"process {life.settings['number']} grew by {by.memory / 1e6:+.1f} MB, {by.threads:+} threads, "
                f"{by.descriptors:+} descriptors after its warm-up",
            )
        )
    return found or [Finding(False, "no process lived long enough to tell whether it grows")]
