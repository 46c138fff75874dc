"""The setting `activation`: a name that does not exist is refused, in a sentence that says what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.unit.dbt_project.compiling import PROJECT, dbt_environment, invoke

Change = Callable[[dict[str, Any]], object]


def rule(**changed: Any) -> Change:
    return lambda activation: activation["events"][0].update(changed)


@pytest.fixture
def activation() -> dict[str, Any]:
    """As the project states it."""
    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["activation"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (rule(sink="facebook"), "purchase: facebook is no sink of events. Choose from: google_ads, meta, tiktok"),
        (rule(when="order_payed"), "purchase: order_payed is none of order, refund, stage:<model>.<stage> and the"),
        (rule(when="stage:b2c.considering"), "considering: the stage model b2c has the stages awareness, "),
        (rule(when="refund"), "purchase: meta takes no adjustment of what it was told"),
        (lambda it: it["events"][6].update(adjusts="sale"), "refund: adjusts: write which rule of its sink told the"),
        (lambda it: it["states"]["hubspot"]["stages"].update(warm="lead"), "warm: the stage model conversation has"),
    ],
)
def test_what_does_not_exist_is_refused(
    activation: dict[str, Any], change: Change, says: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    change(activation)
    with dbt_environment(tmp_path_factory.mktemp("refused")):
        result = invoke("{{ refuse_unknown_activation(" + repr(activation) + ") }} select 1 as one")

    assert not result.success
    assert says in " ".join(str(result.exception).split())
