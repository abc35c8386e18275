"""How many files may be open."""

import resource

import pytest

from snapshotter.edge.handles import openable


class System:
    """Gives files up to its limits, or refuses to change them."""

    def __init__(self, soft, hard, *, refuses=False):
        self.limits, self.refuses = (soft, hard), refuses

    def getrlimit(self, _which):
        return self.limits

    def setrlimit(self, _which, limits):
        if self.refuses or -1 < limits[1] < limits[0]:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.fixture
def system(monkeypatch):
    def make(*given, **more):
        made = System(*given, **more)
        monkeypatch.setattr(resource, "getrlimit", made.getrlimit)
        monkeypatch.setattr(resource, "setrlimit", made.setrlimit)
        return made

    return make


@pytest.mark.parametrize(
    ("limits", "wanted", "given", "after"),
    [
        ((200, 1_000), 150, 150, 200),
        ((200, 1_000), 300, 300, 300),
        ((200, 1_000), 5_000, 1_000, 1_000),
        ((200, resource.RLIM_INFINITY), 300, 300, 300),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 10**6, 10**6, resource.RLIM_INFINITY),
    ],
)
def test_as_many_as_are_wanted_where_the_system_lets_us(system, limits, wanted, given, after):
    there = system(*limits)

    assert openable(wanted) == given
    assert there.limits[0] == after


def test_a_system_that_refuses_is_taken_as_it_is(system):
    system(200, 1_000, refuses=True)

    assert openable(300) == 200


def test_the_real_limit_is_enough_for_what_it_is():
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert openable(min(soft, 100)) == min(soft, 100)
