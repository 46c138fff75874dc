"""One person's life as it is being written: the random stream, the instants taken, what is noted as true.

Belongs here: what the parts of the story (`conversations`, `crm`, `orders`) share. Does not: the parts themselves.
"""

from __future__ import annotations

from sandbox.people import BY_CODE, Country, Random
from sandbox.records import Activity, Key, OwnedRecord, Person
from sandbox.settings import DAY

HOUR = 3600
WORK_STARTS, WORK_ENDS = 8 * HOUR, 18 * HOUR  # UTC, Monday to Friday
_MONDAY = 4 * DAY  # 1970-01-05


class Biography:
    """The person, their random stream, and the notes that become the truth."""

    def __init__(self, person: Person, rng: Random, first_day: int, last_day: int) -> None:
        self.person = person
        self.rng = rng
        self.first_day = first_day
        self.last_day = last_day
        self._taken: set[int] = set()
        self._owned: dict[tuple[str, str, str], OwnedRecord] = {}

    @property
    def country(self) -> Country:
        return BY_CODE[self.person.country]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> int:
        return int(low + (high - low) * self.rng.random())

    def soon(self, mean_seconds: float) -> int:
        """An exponential delay, at least a second."""
        return 1 + int(self.rng.exponential(mean_seconds))

    def tick(self, at: int) -> int:
        """The instant `at`, or the next free one: no two things happen to a person in the same second."""
        while at in self._taken:
            at += 1
        self._taken.add(at)
        return at

    def working_time(self, at: int) -> int:
        """`at`, or when work next begins."""
        weekday, second = ((at - _MONDAY) // DAY) % 7, at % DAY
        if weekday < 5 and WORK_STARTS <= second < WORK_ENDS:
            return at
        morning = at - second + WORK_STARTS + (0 if weekday < 5 and second < WORK_STARTS else DAY)
        while ((morning - _MONDAY) // DAY) % 7 > 4:
            morning += DAY
        return morning + self.between(0, 2 * HOUR)

    def note(
        self,
        kind: str,
        at: int,
        record: tuple[str, str, str],
        *,
        visible_at: int | None = None,
        detail: str | None = None,
        campaign_id: str | None = None,
    ) -> None:
        """Write down that an activity happened."""
        self.person.activities.append(Activity(kind, at, max(at, visible_at or at), record, detail, campaign_id))

    def own(self, system: str, kind: str, record_id: int | str, visible_at: int) -> OwnedRecord:
        """Write down that a record is the person's."""
        owned = OwnedRecord(system, kind, str(record_id), visible_at)
        self.person.records.append(owned)
        self._owned[owned.reference] = owned
        return owned

    def shows(self, owned: OwnedRecord, at: int, key: Key) -> None:
        """A record shows a key of the person from `at` on."""
        owned.keys.append((at, key))

    def owned(self, reference: tuple[str, str, str]) -> OwnedRecord:
        return self._owned[reference]
