"""Plants a token, and looks for it in everything that a run leaves.

Looked through are files as they are, what is packed in them, and the values of databases.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
import requests
import responses

from ingestion import secrecy

TOKEN = "tok/en+w1th=s1gns&m0re"  # every sign that one of the spellings writes otherwise
BASE = "https://vendor.example"
STATUS = {"now": 401}
PLANTED = {
    "hubspot": {"ACCESS_TOKEN": TOKEN},
    "meta_ads": {"ACCESS_TOKEN": TOKEN, "ACCOUNT_IDS": "1"},
    "respond_io": {"ACCESS_TOKEN": TOKEN},
    "shopify": {"ACCESS_TOKEN": TOKEN},
    "stripe": {"API_KEY": TOKEN},
}


def echoing(request: requests.PreparedRequest) -> tuple[int, dict, str]:
    """A vendor that refuses, and says in its error with what it was asked, in every spelling."""
    sent = [str(value).removeprefix("Bearer ") for value in request.headers.values()]
    said = [
        each for value in sent for each in (value, quote(value, safe=""), b64encode(f"user:{value}".encode()).decode())
    ]
    return (
        STATUS["now"],
        {"Location": f"https://elsewhere.example/{sent}"},
        json.dumps({"error": said, "url": request.url}),
    )


def plant(monkeypatch: pytest.MonkeyPatch, web: responses.RequestsMock) -> None:
    """Give every source the token, and a vendor that repeats it."""
    monkeypatch.setattr(secrecy, "_known", set())
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    for source, settings in PLANTED.items():
        for name, value in {**settings, "BASE_URL": BASE, "API_VERSION": "2025-03-31.basil"}.items():
            monkeypatch.setenv(f"SOURCES__{source}__{name}".upper(), value)
    for method in ("GET", "POST"):
        web.add_callback(method, re.compile(f"{BASE}/.*"), callback=echoing)


def spellings(secret: str) -> set[str]:
    """A secret as it stands, in a URL, and in base64 wherever it begins."""
    encoded = {b64encode(before + secret.encode()).decode()[4:-4] for before in (b"", b":", b"::", b":::")}
    return {secret, quote(secret, safe=""), *encoded}


def places_of(folder: Path, texts: Collection[str]) -> list[str]:
    """Files, and tables in them, that hold one of the texts."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        for place, content in _contents(file):
            found += [f"{place}: {text}" for text in texts if text.encode() in content]
    return found


def _contents(file: Path) -> Iterator[tuple[str, bytes]]:
    content = file.read_bytes()
    yield str(file), content
    if content[:2] == b"\x1f\x8b":
        yield str(file), gzip.decompress(content)
    elif content[:4] == b"PAR1":
        yield str(file), _values(duckdb.connect(), f"read_parquet('{file}')")
    elif content[:15] == b"SQLite format 3":
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            yield str(file), "\n".join(connection.iterdump()).encode()
    elif content[8:12] == b"DUCK":
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall()
            for schema, table in tables:
                yield f"{file} {schema}.{table}", _values(connection, f'"{schema}"."{table}"')


def _values(connection: duckdb.DuckDBPyConnection, relation: str) -> bytes:
    rows = connection.execute(f"select cast(each as varchar) from {relation} as each").fetchall()
    return "\n".join(row for (row,) in rows).encode()
