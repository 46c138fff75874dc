"""Mapped files in the warehouse: versions of rows, files that did not change, mappings that go."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import config, erasure, pipelines, warehouse
from ingestion.intake import Intake
from ingestion.sources import files
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.evaluation import EntityRows, Evaluation
from ingestion.sources.files.mapping import OPTIONS, read_mapping
from ingestion.sources.files.models import RowRule
from ingestion.tables import RawTable

Query = Callable[[str], list[Any]]

RATES = """
name: {name}
inputs: {{rates: {{path: {name}.csv}}}}
entities:
  exchange_rates:
    from: rates
    columns: {{rate_date: day, base_currency: base, quote_currency: quote, rate: rate}}
"""
SPEND_BESIDE = """
  ad_spend:
    from: rates
    where: rate::DOUBLE > 0
    columns: {spent_on: day, spend_amount: rate, currency: base, campaign_id: quote, platform: base, account_id: base}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin_with_raw_tables: Callable[[str], None]) -> Path:
    begin_with_raw_tables("files")
    monkeypatch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(tmp_path / "mappings"))
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path / "files"))
    for name in ("mappings", "files"):
        (tmp_path / name).mkdir()
    return tmp_path


def mapping(folder: Path, name: str, *lines: str) -> None:
    (folder / "mappings" / f"{name}.yml").write_text(RATES.format(name=name))
    data(folder, name, *lines)


def data(folder: Path, name: str, *lines: str) -> None:
    file = folder / "files" / f"{name}.csv"
    earlier = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text("\n".join(("day,base,quote,rate", *lines)) + "\n")
    if file.stat().st_mtime_ns <= earlier:  # a file system with coarse times
        os.utime(file, ns=(earlier + 1_000_000, earlier + 1_000_000))


def load() -> Intake:
    return pipelines.run("files")


def counts(intake: Intake, resource: str) -> tuple[int, int, int]:
    return intake.received[resource], intake.loaded[resource], intake.rejected[resource]


CURRENT = """
    SELECT mapping || ' ' || day(rate_date) || ' ' || rate::DOUBLE FROM raw_files.exchange_rates
    WHERE _dlt_valid_to IS NULL ORDER BY 1
"""
OPEN = """
    SELECT reason FROM raw_files.rejected_records AS rejected
    LEFT JOIN (SELECT rejection_id, arg_max(state, number) AS state FROM raw_files.rejection_states GROUP BY 1)
    USING (rejection_id) WHERE coalesce(state, 'open') = 'open' ORDER BY 1
"""
EVERY = "SELECT * FROM raw_files.exchange_rates ORDER BY _dlt_id, _dlt_valid_from"


def test_first_rows_are_written_once_and_are_what_dlts_merge_would_leave(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "SELECT * EXCLUDE (_dlt_load_id, _dlt_valid_from) FROM raw_files.exchange_rates ORDER BY _dlt_id"
    beside = "SELECT sum(estimated_size) FROM duckdb_tables() WHERE schema_name = 'raw_files_staging'"
    beside += " AND table_name = 'exchange_rates'"
    since = "SELECT DISTINCT epoch_us(_dlt_valid_from) - (_dlt_load_id::DECIMAL(20, 7) * 1000000)::BIGINT "
    since += "FROM raw_files.exchange_rates"
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,USD,1.2")
    mapping(folder, "own", "2025-03-01,EUR,CHF,0.9")
    load()
    found = query(rows)
    assert len(found) == 3
    assert query(beside) in ([0], [None])
    assert all(abs(microseconds) <= 1 for microseconds in query(since))

    config.warehouse_path().unlink()
    monkeypatch.setattr(warehouse, "is_empty", lambda _: False)
    load()
    assert query(rows) == found
    assert query(beside) == [3]
    assert all(abs(microseconds) <= 1 for microseconds in query(since))


@pytest.mark.parametrize("is_killed", [False, True])
def test_first_rows_of_a_load_that_does_not_end_are_taken_back(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    """By the load itself, or by the next one where the process was gone."""
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,USD,1.2")

    def die(*_: Any, **named: Any) -> None:
        raise RuntimeError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("dlt.load.load.Load.complete_package", die)  # the tables have their rows by then
        if is_killed:
            patch.setattr(pipelines, "_take_back", lambda *_: None)
        with pytest.raises(Exception, match="gone"):
            load()
    assert len(query(EVERY)) == (2 if is_killed else 0)

    data(folder, "ecb", "2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,USD,1.3")
    load()
    assert query("SELECT rate::DOUBLE FROM raw_files.exchange_rates ORDER BY 1") == [1.1, 1.3]


SALES = """
name: shop
inputs: {lines: {path: shop.csv}}
entities:
  orders:
    from: lines
    columns: {order_id: id, email: email, ordered_at: day, currency: "'EUR'", total_amount: total, channel: note}
"""


@pytest.mark.parametrize("gone_at_most", [files.GONE_AT_MOST, 0], ids=["new rows", "all rows"])
def test_an_erased_person_comes_back_with_no_file(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch, gone_at_most: int
) -> None:
    """Neither by an address nor by a text that names it. Rows that were erased are known, and do not come again."""
    monkeypatch.setattr(files, "GONE_AT_MOST", gone_at_most)
    orders = ["1,jane@doe.org,2025-03-01,10,web", "2,jack@doe.org,2025-03-01,10,for jane@doe.org", "3,,2025-03-01,10,"]

    def write(*lines: str) -> None:
        (folder / "files" / "shop.csv").write_text("\n".join(("id,email,day,total,note", *lines)) + "\n")

    (folder / "mappings" / "shop.yml").write_text(SALES)
    write(*orders)
    load()
    found = erasure.people("", ())
    erasure.keep(erasure.new_request("", found, [found.hash_of("email:jane@doe.org")], {}))

    write(*orders, "4,joe@doe.org,2025-03-02,10,web")
    assert load().unchanged["orders"] == 3
    rows = query("SELECT order_id, email, channel FROM raw_files.orders WHERE _dlt_valid_to IS NULL ORDER BY 1")
    assert [(order_id, channel) for order_id, _, channel in rows] == [
        ("1", "web"),
        ("2", None),
        ("3", None),
        ("4", "web"),
    ]
    assert rows[0][1].endswith("@erased.invalid")
    assert [email for _, email, _ in rows[1:]] == ["jack@doe.org", None, "joe@doe.org"]
    every = "SELECT * FROM raw_files.orders ORDER BY order_id, _dlt_valid_from"
    before = query(every)
    assert "jane" not in str(before)

    write("4,joe@doe.org,2025-03-02,10,web", *reversed(orders))
    assert load().unchanged["orders"] == 4
    assert query(every) == before


@pytest.mark.parametrize("gone_at_most", [files.GONE_AT_MOST, 0], ids=["new rows", "all rows"])
def test_a_changed_file_replaces_its_rows_and_leaves_the_others_untouched(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch, gone_at_most: int
) -> None:
    """Whether only what is new is handed on, or, as where very many rows are gone, everything."""
    monkeypatch.setattr(files, "GONE_AT_MOST", gone_at_most)
    first, second, third = "2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,USD,1.2", "2025-03-03,EUR,USD,1.3"
    mapping(folder, "ecb", first, second, third, "soon,EUR,USD,1")
    intake = load()
    assert counts(intake, "exchange_rates") == (4, 3, 1)
    assert counts(intake, "inputs.ecb.rates") == (4, 4, 0)
    assert query(CURRENT) == ["ecb 1 1.1", "ecb 2 1.2", "ecb 3 1.3"]
    assert query("SELECT reason FROM raw_files.rejected_records") == ["rate_date: 'soon' is not a date"]
    before = query(EVERY)

    # nothing changed: nothing is read, nothing moves
    intake = load()
    assert counts(intake, "exchange_rates") == counts(intake, "inputs.ecb.rates") == (0, 0, 0)
    assert query(EVERY) == before

    # the same rows in another order: read, and nothing moves
    data(folder, "ecb", third, "soon,EUR,USD,1", first, second)
    intake = load()
    assert counts(intake, "exchange_rates") == (4, 3, 1)
    assert intake.unchanged["exchange_rates"] == 3
    assert query(EVERY) == before
    assert query("SELECT count(*) FROM raw_files.rejected_records") == [1]

    # one row edited, one removed, one new
    data(folder, "ecb", first, "2025-03-02,EUR,USD,1.25", "2025-03-04,EUR,USD,1.4")
    assert load().unchanged["exchange_rates"] == (1 if gone_at_most else 0)
    assert query(CURRENT) == ["ecb 1 1.1", "ecb 2 1.25", "ecb 4 1.4"]
    retired = "SELECT rate::DOUBLE FROM raw_files.exchange_rates WHERE _dlt_valid_to IS NOT NULL ORDER BY 1"
    assert query(retired) == [1.2, 1.3]
    untouched = f"SELECT * FROM ({EVERY}) WHERE rate::DOUBLE = 1.1"
    assert query(untouched)[0] in before

    # no row left
    data(folder, "ecb")
    load()
    assert query(CURRENT) == []

    # a retired row that comes back is a new version of the same row
    data(folder, "ecb", first)
    load()
    assert query(CURRENT) == ["ecb 1 1.1"]
    assert query("SELECT count(*) FROM raw_files.exchange_rates WHERE rate::DOUBLE = 1.1") == [2]


def test_a_fact_that_lies_ahead_is_turned_away_until_it_happens(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error stays a rejection; a fact that only came early is loaded when it happens, from the same file."""
    (folder / "mappings" / "shop.yml").write_text(
        "name: shop\ninputs: {orders: {path: orders.csv}}\nentities:\n  orders:\n    from: orders\n"
        "    columns: {order_id: id, ordered_at: at, currency: \"'EUR'\"}\n"
    )
    (folder / "files" / "orders.csv").write_text("id,at\na,2026-03-01\nb,2026-03-09\nc,2062-03-01\n")

    def orders_as_of(day: str) -> tuple[list[Any], tuple[int, int, int]]:
        monkeypatch.setenv("LIFECYCLE_AS_OF", f"{day}T06:00:00Z")
        intake = load()
        return query("SELECT order_id FROM raw_files.orders WHERE _dlt_valid_to IS NULL ORDER BY 1"), counts(
            intake, "orders"
        )

    assert orders_as_of("2026-03-02") == (["a"], (3, 1, 2))
    assert orders_as_of("2026-03-03") == (["a"], (0, 0, 0))  # nothing has come: the file is not read again
    assert orders_as_of("2026-03-08") == (["a", "b"], (3, 2, 1))  # a day ahead is another time zone
    assert orders_as_of("2026-03-09") == (["a", "b"], (0, 0, 0))
    reasons = query("SELECT reason FROM raw_files.rejected_records ORDER BY 1")
    assert len(reasons) == 2 and all("ordered_at: '20" in reason and "ahead" in reason for reason in reasons)

    # corrected
    (folder / "files" / "orders.csv").write_text("id,at\na,2026-03-01\nb,2026-03-09\nc,2026-03-05 10:00\n")
    assert orders_as_of("2026-03-09") == (["a", "b", "c"], (3, 3, 0))


def test_mappings_do_not_touch_each_other_and_one_that_goes_takes_its_rows(folder: Path, query: Query) -> None:
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1")
    mapping(folder, "bank", "2025-03-01,EUR,USD,1.3")
    load()
    assert query(CURRENT) == ["bank 1 1.3", "ecb 1 1.1"]
    data(folder, "bank", "2025-03-01,EUR,USD,1.4")
    intake = load()
    assert counts(intake, "exchange_rates") == (1, 1, 0)
    assert query(CURRENT) == ["bank 1 1.4", "ecb 1 1.1"]
    (folder / "mappings" / "bank.yml").unlink()
    load()
    assert query(CURRENT) == ["ecb 1 1.1"]


def test_tables_look_the_same_whether_created_empty_or_by_arrow_rows(folder: Path, query: Query) -> None:
    layout = """
        SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_schema = 'raw_files' AND table_name NOT LIKE '\\_dlt%' ESCAPE '\\'
        ORDER BY table_name, ordinal_position
    """
    pipelines.prepare("files", pipelines.build_pipeline("files"))
    empty = query(layout)
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1")
    load()
    assert query(layout) == empty
    for name, row in ENTITIES.items():
        expected = ["mapping", "company", *(column.name for column in columns(row))]
        expected += ["_dlt_valid_from", "_dlt_valid_to", "_dlt_load_id", "_dlt_id"]
        assert [column for table, column, *_ in empty if table == name] == expected
    loads = query("SELECT load_id FROM raw_files._dlt_loads")
    assert query("SELECT _dlt_load_id FROM raw_files.exchange_rates")[0] in loads


def test_a_selected_table_does_not_keep_the_others_from_loading_later(folder: Path, query: Query) -> None:
    text = RATES.format(name="ecb") + "  leads: {from: rates, columns: {lead_id: day, created_at: day}}\n"
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1")
    (folder / "mappings" / "ecb.yml").write_text(text)
    pipeline = pipelines.build_pipeline("files")
    pipelines.prepare("files", pipeline)
    only = pipelines.build_source("files").with_resources("exchange_rates", "rejected_records", "load_audit")
    pipeline.run(only, loader_file_format=pipelines.LOADER_FILE_FORMAT)
    assert query("SELECT count(*) FROM raw_files.leads") == [0]
    load()
    assert query("SELECT lead_id FROM raw_files.leads") == ["2025-03-01"]


def test_a_mapping_that_cannot_work_loads_nothing_and_says_so_in_words_and_the_others_are_loaded(
    folder: Path, query: Query, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1")
    mapping(folder, "wrong", "2025-03-01,EUR,USD,1.1")
    wrong = folder / "mappings" / "wrong.yml"
    wrong.write_text(wrong.read_text().replace("rate: rate", "rate: ratio"))
    assert pipelines.main("files") == 1
    error = capsys.readouterr().err
    assert "wrong.yml: entities.exchange_rates.columns.rate: 'ratio': the input rates has no column 'ratio'" in error
    assert "did you mean 'rate'?" in error and "Traceback" not in error
    assert query(CURRENT) == ["ecb 1 1.1"]
    (folder / "mappings" / "ecb.yml").unlink()  # nothing is left that could be loaded
    with pytest.raises(Exception, match="did you mean 'rate'"):
        load()
    assert query(CURRENT) == ["ecb 1 1.1"]


def test_a_warehouse_from_before_companies_goes_on(folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables get the column, its rows stay untouched, and a company that is stated later makes new versions."""
    lines = ("2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,USD,1.2")
    config.warehouse_path().unlink()  # it has tables of today
    with monkeypatch.context() as before:
        declared, evaluated = RawTable.columns, Evaluation.entity

        def columns_then(table: RawTable) -> dict[str, Any]:
            return {name: hints for name, hints in declared(table).items() if name != "company"}

        def rows_then(evaluation: Evaluation, name: str) -> EntityRows:
            found = evaluated(evaluation, name)
            return EntityRows(found.rows.drop_columns(["company"]), found.rejections, found.next_at)

        before.setattr(RawTable, "columns", columns_then)
        before.setattr(Evaluation, "entity", rows_then)
        mapping(folder, "ecb", *lines)
        load()
    in_tables = """
        SELECT count(*) FROM information_schema.columns WHERE column_name = 'company' AND table_schema = 'raw_files'
    """
    assert query(in_tables) == [0]
    versions = "SELECT _dlt_id || coalesce(_dlt_valid_to::VARCHAR, '') FROM raw_files.exchange_rates ORDER BY 1"
    first = query(versions)

    mapping(folder, "ecb", *lines[::-1])
    load()
    assert query(in_tables) == [len(ENTITIES)]
    assert query(versions) == first
    assert query("SELECT count(company) FROM raw_files.exchange_rates") == [0]

    text = (folder / "mappings" / "ecb.yml").read_text()
    (folder / "mappings" / "ecb.yml").write_text(text + "company: north\n")
    load()
    current = "SELECT company FROM raw_files.exchange_rates WHERE _dlt_valid_to IS NULL"
    assert query(current) == ["north", "north"]
    assert query("SELECT count(*) FROM raw_files.exchange_rates") == [4]


def test_a_rule_that_changes_judges_the_rows_again(folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1", "2025-03-02,EUR,EUR,1.2")
    load()
    assert query(CURRENT) == ["ecb 1 1.1", "ecb 2 1.2"]
    other = RowRule(("base_currency",), "base_currency <> quote_currency", "the currencies have to differ")
    monkeypatch.setattr(ENTITIES["exchange_rates"], "row_rules", (other,))
    load()
    assert query(CURRENT) == ["ecb 1 1.1"]
    reason = "base_currency: 'EUR', but the currencies have to differ"
    assert query("SELECT reason FROM raw_files.rejected_records") == [reason]


def days(count: int) -> list[str]:
    return [f"{date(2020, 1, 1) + timedelta(days=number)},EUR,USD,1.1" for number in range(count)]


def test_a_load_that_retires_most_of_a_mapping_is_held_until_a_person_accepts_it(
    folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping(folder, "ecb", *days(200))
    mapping(folder, "bank", *days(99))
    load()
    data(folder, "ecb", *days(100))  # half of them
    data(folder, "bank", *days(1))  # too few to look at
    load()
    assert query("SELECT count(*) FROM raw_files.exchange_rates WHERE _dlt_valid_to IS NULL") == [101]
    before = query(EVERY)

    data(folder, "ecb", *days(49))
    assert pipelines.main("files") == 1
    error = capsys.readouterr().err
    assert "ecb.yml: exchange_rates: 100 rows are known, and ecb.csv would leave 49" in error
    assert "SOURCES__FILES__ACCEPT=ecb" in error and query(EVERY) == before

    monkeypatch.setenv("SOURCES__FILES__MOST_RETIRED", "0.6")
    data(folder, "ecb", *days(41))
    load()
    monkeypatch.setenv("SOURCES__FILES__MOST_RETIRED_FROM", "41")
    data(folder, "ecb", *days(2))
    assert pipelines.main("files") == 1
    monkeypatch.setenv("SOURCES__FILES__ACCEPT", "bank, ecb")
    load()
    assert query("SELECT count(*) FROM raw_files.exchange_rates WHERE _dlt_valid_to IS NULL") == [3]


def test_a_mapping_that_fails_keeps_its_rows_and_is_read_again_beside_the_others(
    folder: Path, query: Query, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1", "soon,EUR,USD,1")
    mapping(folder, "bank", "2025-03-01,EUR,GBP,0.8")
    load()
    whole = folder / "files" / "ecb.csv"
    (folder / "mappings" / "ecb.yml").write_text(RATES.format(name="ecb").replace("ecb.csv", "ecb.csv.gz"))
    packed = gzip.compress(b"day,base,quote,rate\n2025-03-02,EUR,USD,1.2\n")
    (folder / "files" / "ecb.csv.gz").write_bytes(packed[:-6])
    data(folder, "bank", "2025-03-01,EUR,GBP,0.9")
    for _ in range(2):  # it is said at every load
        assert pipelines.main("files") == 1
        error = capsys.readouterr().err
        assert "failed in part: files: mapping ecb is not loaded, and keeps the rows it has" in error
        assert "ecb.csv.gz is damaged or cut short" in error
    assert query(CURRENT) == ["bank 1 0.9", "ecb 1 1.1"]
    assert query(OPEN) == ["rate_date: 'soon' is not a date"]
    (folder / "files" / "ecb.csv.gz").write_bytes(packed)
    assert pipelines.main("files") == 0
    assert query(CURRENT) == ["bank 1 0.9", "ecb 2 1.2"]
    assert whole.exists() and query(OPEN) == []  # what the file had that is read no more is open no more


def test_no_entity_of_a_mapping_is_loaded_if_one_of_them_fails(folder: Path, query: Query) -> None:
    both = RATES.format(name="ecb") + SPEND_BESIDE
    mapping(folder, "bank", "2025-03-01,EUR,GBP,0.8")
    mapping(folder, "ecb", *days(200))
    (folder / "mappings" / "ecb.yml").write_text(both)
    load()
    found = """
        SELECT (SELECT count(*) FROM raw_files.exchange_rates WHERE _dlt_valid_to IS NULL AND rate::DOUBLE = 1.1),
            (SELECT count(*) FROM raw_files.ad_spend WHERE _dlt_valid_to IS NULL)
    """
    assert query(found) == [(200, 200)]
    data(folder, "ecb", *(line.replace("1.1", "1.2") for line in days(200)))
    none_of_spend = both.replace("rate::DOUBLE > 0", "rate::DOUBLE > 9")
    none_of_rates = both.replace("from: rates", "from: rates\n    where: rate::DOUBLE > 9", 1)
    for changed, entity in ((none_of_spend, "ad_spend"), (none_of_rates, "exchange_rates")):
        (folder / "mappings" / "ecb.yml").write_text(changed)
        (failure,) = load().failures
        assert f"{entity}: 200 rows are known" in failure
        assert query(found) == [(200, 200)]


def test_newer_code_reads_files_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping(folder, "ecb", "2025-03-01,EUR,USD,1.1")
    load()
    assert counts(load(), "exchange_rates") == (0, 0, 0)
    monkeypatch.setattr("ingestion.sources.files._code", lambda: "of the next version")
    assert counts(load(), "exchange_rates") == (1, 1, 0)


README = (Path(pipelines.__file__).parent / "sources" / "files" / "README.md").read_text()


def test_every_rule_is_documented() -> None:
    """Beside its column or, of a kind of column, among the limits; of several columns under their table."""
    limits = README.split("### Limits")[1].split("\n### ")[0]
    for name, row in ENTITIES.items():
        section = README.split(f"### `{name}`")[1].split("\n### ")[0]
        for column in columns(row):
            line = next(line for line in section.splitlines() if line.startswith(f"| `{column.name}` "))
            for rule in column.rules:
                assert rule.words in limits or rule.words in line, (name, column.name, rule.words)
        stated = [line.removeprefix("- ") for line in section.splitlines() if line.startswith("- ")]
        assert stated == [rule.words for rule in row.row_rules], name


def test_the_mapping_that_shows_every_key_is_one(tmp_path: Path) -> None:
    example = README.split("Everything a mapping of files can say:")[1].split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "everything.yml"
    file.write_text(example)
    shown = read_mapping(file)
    assert (shown.company, shown.inputs["lines"].skip, shown.inputs["deliveries"].records) == ("north", 2, "data.items")
    allowed = {"company", "timezone", "reject", *OPTIONS, "decimal", "date_format", "joins", "where", "group_by"}
    assert {key for key in allowed if f"{key}:" not in example} == set()


def test_every_canonical_column_is_documented() -> None:
    for name, row in ENTITIES.items():
        assert f"### `{name}`" in README
        section = README.split(f"### `{name}`")[1].split("\n### ")[0]
        documented = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
        assert [(name.strip(" `"), kind.strip()) for name, kind in documented] == [
            (column.name, column.sql_type) for column in columns(row)
        ]
        for column in columns(row):
            line = next(line for line in section.splitlines() if line.startswith(f"| `{column.name}` "))
            assert column.required == ("yes" in line.split("|")[3]), f"{name}.{column.name}"
