"""Which time zone this machine is in."""

import pytest

from snapshotter.edge.zone import machine_zone


@pytest.mark.parametrize(
    ("env", "target", "zone"),
    [
        ({"TZ": "Europe/Berlin"}, None, "Europe/Berlin"),
        ({"TZ": ":Asia/Tokyo"}, "/usr/share/zoneinfo/Europe/Berlin", "Asia/Tokyo"),
        ({}, "/usr/share/zoneinfo/America/New_York", "America/New_York"),
        ({"TZ": "CET-1CEST,M3.5.0"}, "/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
        ({"TZ": "../../etc/passwd"}, None, None),
        ({}, "/somewhere/else", None),
        ({}, None, None),
    ],
)
def test_the_zone_is_named_by_the_environment_or_the_system(env, target, zone, tmp_path):
    localtime = tmp_path / "localtime"
    if target:
        localtime.symlink_to(target)

    assert machine_zone(env, localtime=localtime) == zone
