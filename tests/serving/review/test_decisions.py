from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtailor.catalog import Catalog
from longtailor.catalog.annotation_file import AnnotationFile
from longtailor.catalog.annotations import lay_over
from longtailor.errors import UsageError
from longtailor.labels import LabelSpace
from longtailor.serving.review.decisions import ChangedError, Decisions

SPACE = LabelSpace(["sleeve:puff", "sleeve:short", "detail:!new", "detail:bow"], ["sleeve"])
PUFF, SHORT, NEW, BOW = range(4)
KEYS = [{"id": "a", "text": "red"}, {"id": "b", "text": "blue"}]


def opened(path: Path) -> Decisions:
    return Decisions(AnnotationFile(path), SPACE, KEYS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decided.jsonl"


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_decision_is_a_row_that_says_of_one_label_only(path: Path) -> None:
    decisions = opened(path)
    decisions.decide(0, PUFF, "yes")
    decisions.decide(0, PUFF, "no")
    decisions.decide(1, BOW, "yes")
    decisions.decide(1, NEW, "no")
    decisions.decide(1, SHORT, "skip")
    written = rows(path)
    assert [row.get("sleeve", row.get("detail")) for row in written] == [
        "puff",
        "!puff",
        "bow|?",
        r"!\!new",
        "?short",
    ]
    assert [row["review:decision"] for row in written] == ["yes", "no", "yes", "no", "skip"]
    assert written[2] | {"review:time": ""} == {
        "id": "b",
        "text": "blue",
        "detail": "bow|?",
        "review:decision": "yes",
        "review:label": "detail:bow",
        "review:time": "",
    }


def test_another_process_sees_what_is_decided(path: Path) -> None:
    one, other = opened(path), opened(path)
    one.decide(0, BOW, "yes")
    other.decide(1, BOW, "no")
    assert one.of(BOW) == other.of(BOW) == opened(path).of(BOW) == {0: "yes", 1: "no"}
    assert one.counts()[BOW] == {"yes": 1, "no": 1}


def test_undo_brings_back_what_was_before_and_is_a_row_too(path: Path) -> None:
    decisions = opened(path)
    decisions.decide(0, BOW, "no")
    decisions.decide(0, BOW, "yes")
    decisions.undo(0, BOW, "yes", "no")
    assert decisions.of(BOW) == opened(path).of(BOW) == {0: "no"}
    decisions.undo(0, BOW, "no", None)
    assert decisions.of(BOW) == opened(path).of(BOW) == {}
    decisions.decide(0, BOW, "skip")
    decisions.decide(0, BOW, "yes")
    decisions.undo(0, BOW, "yes", "skip")
    assert opened(path).of(BOW) == {0: "skip"}
    assert len(rows(path)) == 7


def test_nothing_is_undone_that_somebody_else_changed(path: Path) -> None:
    mine, theirs = opened(path), opened(path)
    mine.decide(0, BOW, "yes")
    theirs.decide(0, BOW, "no")
    with pytest.raises(ChangedError):
        mine.undo(0, BOW, "yes", None)
    assert mine.of(BOW) == {0: "no"}


def test_yes_to_one_value_of_an_exclusive_attribute_is_no_to_the_other(path: Path) -> None:
    decisions = opened(path)
    decisions.decide(0, PUFF, "yes")
    decisions.decide(0, SHORT, "yes")
    assert (decisions.of(PUFF), decisions.of(SHORT)) == ({0: "no"}, {0: "yes"})
    decisions.undo(0, SHORT, "yes", None)
    assert (decisions.of(PUFF), decisions.of(SHORT)) == ({0: "yes"}, {})


def test_rows_of_others_are_counted_and_kept(path: Path) -> None:
    path.write_text('{"id": "z", "detail": "bow"}\n{"id": "a", "detail": "bow"}\n')
    decisions = opened(path)
    decisions.decide(0, BOW, "no")
    assert decisions.foreign == 2
    assert decisions.of(BOW) == {0: "no"}
    assert len(rows(path)) == 3


def test_what_cannot_be_written_as_a_catalogue_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="attribute 'split' cannot be reviewed"):
        Decisions(AnnotationFile(path), LabelSpace(["split:a"]), KEYS)
    with pytest.raises(UsageError, match="same text and no id"):
        Decisions(AnnotationFile(path), SPACE, [{"text": "x"}, {"text": "x"}])


STEP = st.tuples(
    st.integers(0, 1), st.integers(0, 3), st.sampled_from(["yes", "no", "skip", "undo"])
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEP, max_size=12))
def test_fit_reads_what_the_page_shows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("one")
    decisions = opened(folder / "decided.jsonl")
    stack: list[tuple[int, int, str, str | None]] = []
    for product, label, step in steps:
        if step != "undo":
            own = decisions._own(product, label)
            decisions.decide(product, label, step)  # type: ignore[arg-type]
            stack.append((product, label, step, own))
        elif stack:
            product, label, was, before = stack.pop()
            decisions.undo(product, label, was, before)  # type: ignore[arg-type]
    (folder / "products.jsonl").write_text(
        "".join(json.dumps({**key, "sleeve": "?", "detail": "?"}) + "\n" for key in KEYS)
        + json.dumps({"id": "c", "text": "c", "sleeve": "puff", "detail": r"bow|\!new"})
        + "\n"
        + json.dumps({"id": "d", "text": "d", "sleeve": "short", "detail": "-"})
        + "\n"
    )
    catalog = Catalog.read(folder / "products.jsonl")
    assert catalog.space.exclusive == {"sleeve"}
    if rows(folder / "decided.jsonl"):
        laid = lay_over(catalog, folder / "decided.jsonl")
        for label, name in enumerate(SPACE.labels):
            column = catalog.space.labels.index(name)
            shown = decisions.of(label)
            for product in range(2):
                cell = int(laid.matrix[product, column])
                said = {"yes": 1, "no": 0}.get(shown.get(product, ""), -1)
                if said == -1 and name.startswith("sleeve"):
                    # Yes to the other value says no of this one.
                    other = decisions.of(PUFF if label == SHORT else SHORT).get(product)
                    said = 0 if other == "yes" else -1
                assert cell == said
