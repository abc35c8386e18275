"""The `snap.toml` that a new archive begins with."""

from __future__ import annotations

_TEXT = """\
#:schema schema/settings.v1.json
# Settings of this archive. What each key means: docs/sources.md of snapshotter.
format = 1

# The zone that cuts the days. Saved days keep the zone they were cut in, so decide once.
zone = "{zone}"

# Bounds of one run; what does not fit goes on next time.
# [run]
# deadline = "2h"
# max_requests = 5000

# What holds for every source that does not say otherwise.
# [defaults.client]
# user_agent = "snap (+mailto:me@example.org)"
# [defaults.pacing]
# min_interval = "1s"

# Push to the git remote after every run that saved something.
# [remote]
# name = "origin"
# push = true
# restore_test = "30d"

# Who is told when something turns bad, or good again. Passwords are named, never written here.
# [secrets]
# mail = "env:SNAP_MAIL_PASSWORD"
# [[notify]]
# type = "email"
# to = "me@example.org"
# host = "smtp.example.org"
# username = "me@example.org"
# password = "{{secrets.mail}}"

# A dead man's switch: an address called after every run, so that silence is noticed.
# [ping]
# url = "{{secrets.ping}}"
"""


def settings_template(zone: str) -> str:
    """A commented `snap.toml` for a new archive."""
    return _TEXT.format(zone=zone)
