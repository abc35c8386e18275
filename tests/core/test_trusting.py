"""The facts that a person is shown before trusting a file."""

import pytest

from snapshotter.core.config import load_settings
from snapshotter.core.trusting import facts_of_settings, unknown
from snapshotter.results import Fact


def facts(text):
    settings, problems = load_settings(f'format = 1\nzone = "UTC"\n{text}')
    assert settings is not None, problems
    return [str(fact) for fact in facts_of_settings(settings)]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ('[secrets]\nmail = "env:MAIL"', "reads env:MAIL (the secret 'mail')"),
        ('[secrets]\nuser = { from = "env:USER", public = true }', "reads env:USER (the secret 'user'), and shows it"),
        ('[[notify]]\ntype = "command"\nargv = ["tell", "a b"]', "runs tell 'a b' (gets messages)"),
        ('[[notify]]\ntype = "email"\nto = ["a@example.org"]\nhost = "mail.example.org"',
         "tells a@example.org by mail through mail.example.org"),
        ('[[notify]]\ntype = "apprise"\nurl = "{secrets.u}"\n[secrets]\nu = "env:U"', "tells {secrets.u} (apprise)"),
        ('[ping]\nurl = "https://ping.example/x"', "tells https://ping.example/x (url)"),
        ("[remote]\npush = true", "tells the git remote 'origin', by pushing everything to it"),
    ],
)  # fmt: skip
def test_settings_tell_whom_they_read_run_and_tell(text, fact):
    assert fact in facts(text)


def test_settings_that_only_cut_days_do_nothing():
    assert facts("") == []


def test_what_was_agreed_to_is_not_new():
    first, second = Fact("asks", "https://a.example"), Fact("asks", "https://b.example")

    assert unknown([first, second], [str(first)]) == (second,)
