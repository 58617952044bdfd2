"""The first sentences of a comparison, written from its figures."""

from __future__ import annotations

import math
from dataclasses import replace

from longtailor.studies.results import Difference, Figures

SURE = 0.05
"""A difference whose adjusted p-value is below this is more than noise."""

FEW_LABELS = 5
"""A tail of fewer labels carries no claim."""

MOST = 0.5
"""A threshold alone does it where no more than this share of the gain can be left without it."""

_NUMBERS = ("", "one", "two", "three", "four")


def headline(figures: Figures, *, tail_labels: int, drawn: float) -> str:
    """Say which objective wins what, by how much, and whether that is more than noise.

    More than noise means p < 0.05 after the correction for all objectives that are told against the
    first by that metric; the interval beside a difference is not corrected. A threshold alone would
    have done it where, with chosen thresholds, no more than half of the gain at 0.5 lies within the
    interval of what is left; where more does, that is said to be open.

    Parameters
    ----------
    figures : Figures
        Its first objective is the one that the others are told against.
    tail_labels : int
        Labels of the tail with a test positive.
    drawn : float
        As given to `measure`.
    """
    seeds = {
        name: sum(not math.isnan(figure) for figure in metrics["brier"].seeds)
        for name, metrics in figures.estimates.items()
    }
    names = [name for name, count in seeds.items() if count]
    if not names:
        return "Nothing was measured: there is no fit with a test product."
    if math.isnan(figures.estimates[names[0]]["map"].mean):
        return "Nothing can be compared: no label has a positive among the test products."
    if len(names) == 1:
        sentences = [_alone(figures, names[0])]
    else:
        sentences = [
            f"Ranking: {_contest(figures, names, 'map', 'mAP')}.",
            f"At 0.5, {_contest(figures, names, 'f1_macro_at_half', 'macro F1')}.",
            _with_thresholds(figures, names),
            *_tail(figures, names, tail_labels),
        ]
    sentences += [f"{name} has no figures: its fits failed." for name in seeds if not seeds[name]]
    return " ".join([*sentences, *_reach(seeds[names[0]], drawn)])


def plain(value: float) -> str:
    """Write a figure in [0, 1]: `.625`."""
    return f"{value:.3f}".removeprefix("0")


def signed(value: float) -> str:
    """Write a difference: `+.061`."""
    text = f"{round(value, 3) + 0.0:+.3f}"
    return text[0] + text[1:].removeprefix("0")


def against(figures: Figures, metric: str, a: str, b: str) -> Difference:
    """Find the difference of `a` and `b` in this direction."""
    for found in figures.paired:
        if found.metric == metric and (found.a, found.b) == (a, b):
            return found
        if found.metric == metric and (found.a, found.b) == (b, a):
            return replace(
                found, a=a, b=b, difference=-found.difference, low=-found.high, high=-found.low
            )
    raise KeyError(f"{a} and {b} are not compared by {metric}")


def _contest(figures: Figures, names: list[str], metric: str, says: str) -> str:
    """Tell all objectives against the first by one metric."""
    first, *others = names
    level = {name: figures.estimates[name][metric].mean for name in names}
    pairs = [against(figures, metric, other, first) for other in others]
    found = [pair for pair in pairs if not math.isnan(pair.difference)]
    if not found:
        return f"no objective can be compared with {first}"
    ahead = sorted((d for d in found if _sure(d) and d.difference > 0), key=_size)
    behind = sorted((d for d in found if _sure(d) and d.difference < 0), key=_size)
    if ahead:
        best, *more = ahead
        clauses = [
            f"{best.a} reaches {says} {plain(level[best.a])} against {plain(level[first])} "
            f"for {first} ({_told(best)})"
        ]
        clauses += [f"{_listed(more)} gain{_s(more)} too"] if more else []
    elif behind:
        clauses = [f"no objective beats {first} by more than noise ({says} {plain(level[first])})"]
    else:
        largest = min(found, key=_size)
        if len(found) == 1:
            return (
                f"{largest.a} does not differ from {first} by more than noise "
                f"({says} {plain(level[largest.a])} against {plain(level[first])}; "
                f"{_told(largest)})"
            )
        count = sum(not math.isnan(d.p_value) for d in pairs)
        by_itself = f" before correcting for {count} comparisons" if _apart(largest) else ""
        return (
            f"no objective differs from {first} by more than noise ({says} {plain(level[first])}; "
            f"largest difference {signed(largest.difference)} for {largest.a}, "
            f"{signed(largest.low)} to {signed(largest.high)}{by_itself})"
        )
    clauses += [f"{_listed(behind)} fall{_s(behind)} behind"] if behind else []
    return "; ".join(clauses)


def _with_thresholds(figures: Figures, names: list[str]) -> str:
    """Say whether chosen thresholds give the first objective what another gains at 0.5."""
    first, *others = names
    gains = [against(figures, "f1_macro_at_half", other, first) for other in others]
    ahead = [gain for gain in gains if _sure(gain) and gain.difference > 0]
    contest = _contest(figures, names, "f1_macro", "macro F1")
    if not ahead:
        return f"With chosen thresholds, {contest}."
    gain = min(ahead, key=_size)
    left = against(figures, "f1_macro", gain.a, first)
    told = f"with chosen thresholds the difference is {_in_brackets(left)}"
    if _sure(left) and left.difference < 0:
        verdict = f"A threshold alone would have done more: {told}."
    elif _sure(left) and left.difference > MOST * gain.difference:
        verdict = f"A threshold alone would not have done it: {told}."
    elif _sure(left):
        verdict = f"A threshold alone would have done most of it: {told}."
    elif left.high <= MOST * gain.difference:
        verdict = f"A threshold alone would have done it: {told}."
    else:
        verdict = f"Whether a threshold alone would have done it is open: {told}."
    chosen = [against(figures, "f1_macro", other, first) for other in others]
    elsewhere = [d for d in chosen if d.a != gain.a and _sure(d) and d.difference > 0]
    return f"{verdict} With chosen thresholds, {contest}." if elsewhere else verdict


def _tail(figures: Figures, names: list[str], labels: int) -> list[str]:
    if not labels:
        return ["No label of the tail has a test positive: nothing is said about it."]
    if labels < FEW_LABELS:
        have = "label of the tail has" if labels == 1 else "labels of the tail have"
        return [f"Only {_NUMBERS[labels]} {have} a test positive: too few to judge it by."]
    return [
        f"In the tail ({labels} labels), {_contest(figures, names, 'map_tail', 'mAP')}; "
        f"at 0.5, {_contest(figures, names, 'f1_macro_tail_at_half', 'macro F1')}."
    ]


def _alone(figures: Figures, name: str) -> str:
    own = figures.estimates[name]
    ranking, half, chosen = own["map"], own["f1_macro_at_half"], own["f1_macro"]
    gain = own["threshold_gain"]
    return (
        f"{name} reaches mAP {plain(ranking.mean)} ({plain(ranking.low)} to "
        f"{plain(ranking.high)}) and macro F1 {plain(half.mean)} at 0.5, {plain(chosen.mean)} "
        f"with chosen thresholds ({signed(gain.mean)}, {signed(gain.low)} to {signed(gain.high)}). "
        "There is no other objective to compare it with."
    )


def _reach(seeds: int, drawn: float) -> list[str]:
    if seeds > 1 and drawn < 1:
        return []
    why = "One seed" if seeds == 1 else "All seeds train on the same products"
    return [f"{why}: the intervals cover other test products, not other training products."]


def _sure(difference: Difference) -> bool:
    return difference.p_adjusted < SURE


def _apart(difference: Difference) -> bool:
    """Whether the interval, which is not corrected, is to one side of 0."""
    return difference.low > 0 or difference.high < 0


def _size(difference: Difference) -> float:
    return -abs(difference.difference)


def _told(difference: Difference) -> str:
    return f"{signed(difference.difference)}, {signed(difference.low)} to {signed(difference.high)}"


def _in_brackets(difference: Difference) -> str:
    return (
        f"{signed(difference.difference)} ({signed(difference.low)} to {signed(difference.high)})"
    )


def _listed(differences: list[Difference]) -> str:
    told = [f"{difference.a} ({_told(difference)})" for difference in differences]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _s(differences: list[Difference]) -> str:
    return "s" if len(differences) == 1 else ""
