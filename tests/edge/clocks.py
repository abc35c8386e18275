"""A clock that a test turns by hand: sleeping moves it, so nothing waits."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class HandClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.wall = now
        self.steady = 1_000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def jump(self, by: timedelta) -> None:
        """Somebody sets the wall clock."""
        self.wall += by
