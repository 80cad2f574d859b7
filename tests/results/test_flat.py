"""Flat rows: what scripts, the database and data frames hold of the records."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.results import flat
from engine.results.records import Coefficient, ImprintRow, Record, RobustnessRow, Tables

RECORDS = flat.records()
_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    dict[str, Any]: st.dictionaries(st.text(max_size=4), st.none() | st.integers(0, 9)),
}


def rows(kind: type[Record]) -> st.SearchStrategy[dict[str, Any]]:
    """Flat rows of a record with any values."""

    def values(of: Any) -> st.SearchStrategy[Any]:
        if of in _VALUES:
            return _VALUES[of]
        return st.one_of(st.none(), *(_VALUES[one] for one in get_args(of) if one in _VALUES))

    return st.fixed_dictionaries({key.name: values(key.type) for key in flat.keys(kind)})


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_flat_row_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    found = data.draw(rows(RECORDS[name]))
    record = flat.record(RECORDS[name], found)
    again = flat.row(record)
    assert again == found
    assert list(again) == [key.name for key in flat.keys(RECORDS[name])]
    assert flat.record(RECORDS[name], again) == record


EVERY = st.fixed_dictionaries(
    {name: st.lists(rows(kind), max_size=1) for name, kind in RECORDS.items()}
)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(EVERY)
def test_all_tables_survive_the_wire_and_flattening(found: dict[str, list[dict[str, Any]]]) -> None:
    tables = flat.read(found)
    sent = msgspec.json.decode(msgspec.json.encode(tables), type=Tables)
    assert sent == tables
    assert flat.tables(sent) == found


IMPRINT = """outcome preset feature class estimate std_error statistic df p_value p_adjusted
p_bonferroni p_holm p_bh ci_low ci_high vif n clusters log10_p standardized mde varies"""
ROBUSTNESS = """preset feature side sign class estimate std_error statistic df p_value p_adjusted
p_bonferroni p_holm p_bh ci_low ci_high events n population strategy scale method log10_p mde
odds_ratio odds_ratio_low odds_ratio_high ame ame_se ame_low ame_high baseline_events baseline_n
total"""


def test_the_order_of_the_keys_is_the_one_that_scripts_rely_on() -> None:
    assert [key.name for key in flat.keys(ImprintRow)] == IMPRINT.split()
    assert [key.name for key in flat.keys(RobustnessRow)] == ROBUSTNESS.split()


def test_no_record_repeats_the_fields_of_a_coefficient() -> None:
    inner = set(Coefficient.__struct_fields__)
    for name, kind in RECORDS.items():
        own = set(kind.__struct_fields__)
        assert "coefficient" not in own or not own & inner, name


def test_a_row_of_another_table_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        flat.record(ImprintRow, {"regime": "got", "n": 1})


def test_the_version_follows_from_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> str:
        flat.version.cache_clear()
        return flat.version()

    before = version()
    assert version() == before

    class Wider(ImprintRow, frozen=True):
        another: int

    with monkeypatch.context() as patch:
        patch.setattr(flat, "records", lambda: {**RECORDS, "imprint": Wider})
        assert version() != before
    with monkeypatch.context() as patch:
        patch.setattr(flat, "records", lambda: {**RECORDS, "another": ImprintRow})
        assert version() != before
    with monkeypatch.context() as patch:
        patch.setattr(flat, "REVISION", flat.REVISION + 1)
        assert version() != before
    assert version() == before
