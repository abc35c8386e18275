"""`snap.toml` is read like a source: every mistake at once, defaults filled in."""

import pytest

from snapshotter.core.config import load_settings, settings_template
from snapshotter.core.spans import parse_span
from snapshotter.spec import Remote, SecretRef, Slot, Template

HEAD = 'format = 1\nzone = "Europe/Berlin"\n'


def test_format_and_zone_are_enough():
    settings, problems = load_settings(HEAD)

    assert problems == ()
    assert settings is not None
    assert settings.zone == "Europe/Berlin"
    assert settings.remote == Remote("origin", push=False)
    assert settings.deadline is None


def test_all_of_it_is_read():
    settings, _ = load_settings(
        HEAD
        + '[secrets]\nmail = "env:MAIL"\nping = "file:/p"\n[run]\ndeadline = "2h"\nmax_requests = 9\n'
        + '[[notify]]\ntype = "email"\nto = "me@example.org"\npassword = "{secrets.mail}"\n'
        + '[ping]\nurl = "https://hc.example.org/{secrets.ping}"\n[remote]\npush = true\n[maintenance]\nauto = false\n'
    )

    assert settings is not None
    assert settings.secrets["mail"] == SecretRef("mail", "env", "MAIL")
    assert (settings.deadline, settings.max_requests) == (parse_span("2h"), 9)
    assert settings.notify[0]["password"] == Template((Slot("secrets", "mail"),))
    assert settings.notify[0]["to"] == ("me@example.org",)
    assert settings.ping == {"url": Template(("https://hc.example.org/", Slot("secrets", "ping")))}
    assert settings.remote.push
    assert settings.maintenance == {"auto": False, "every": parse_span("7d")}


def test_defaults_stay_as_they_are_written():
    settings, _ = load_settings(HEAD + '[defaults]\nevery = "{vars.often}"\n[defaults.client]\nuser_agent = "me"\n')

    assert settings is not None
    assert settings.defaults == {"every": "{vars.often}", "client": {"user_agent": "me"}}


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("zon = 1", "zon", "unknown key"),
        ("[defaults]\nevry = '1d'", "defaults.evry", "unknown key"),
        ("[defaults]\nevery = 1", "defaults.every", "unit"),
        ("[defaults.window]\nstrt = '2020-01-01'", "defaults.window.strt", "unknown key"),
        ("[defaults.client]\ntimeout = 1", "defaults.client.timeout", "table"),
        ("[defaults.streams]\n", "defaults.streams", "unknown key"),
        ("[run]\ndeadline = 7200", "run.deadline", "unit"),
        ("[remote]\npush = 1", "remote.push", "true or false"),
        ('[[notify]]\ntype = "pigeon"', "notify[0].type", "must be one of"),
        ('[[notify]]\ntype = "email"', "notify[0].to", "missing"),
        ('[[notify]]\ntype = "email"\nto = "a"\nurl = "x"', "notify[0].url", "does not belong"),
        ('[[notify]]\ntype = "apprise"\nurl = "{secrets.x}"', "notify[0].url", "declares no"),
        ("[ping]\n", "ping.url", "missing"),
        ('[ping]\nurl = "{vars.x}"', "ping.url", "[vars] declares no"),
    ],
)
def test_a_mistake_is_found(lines, key, words):
    settings, problems = load_settings(HEAD + lines)

    assert settings is None
    assert [problem.key for problem in problems] == [key]
    assert words in problems[0].message


def test_what_is_no_toml_is_told():
    settings, problems = load_settings("zone = ")

    assert settings is None
    assert problems[0].file == "snap.toml"


@pytest.mark.parametrize("text", ["", "format = 2\nzone = 'UTC'", "format = 1", "format = 1\nzone = 'Nowhere'"])
def test_settings_without_format_and_zone_are_refused(text):
    settings, problems = load_settings(text)

    assert settings is None
    assert problems


def test_the_template_of_a_new_archive_loads_without_problems():
    settings, problems = load_settings(settings_template("Asia/Tokyo"))

    assert problems == ()
    assert settings is not None
    assert settings.zone == "Asia/Tokyo"


def test_what_the_template_proposes_in_comments_is_right_too():
    lines = settings_template("UTC").splitlines()
    proposed = [line.removeprefix("# ") for line in lines if line.startswith(("# [", "# ")) and _is_toml(line[2:])]
    secrets = [index for index, line in enumerate(proposed) if line == "[secrets]"]
    proposed.insert(secrets[0] + 1, 'ping = "env:PING"')

    settings, problems = load_settings(HEAD + "\n".join(proposed))

    assert problems == ()
    assert settings is not None
    assert settings.notify
    assert settings.ping


def _is_toml(line):
    return line.startswith("[") or " = " in line
