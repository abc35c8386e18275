"""A secret that was pasted where only its name belongs is refused, and never shown."""

import pytest

from snapshotter.core.config import load_settings
from snapshotter.spec import SecretRef
from tests.core.config_builders import CLIENT, STREAM, a_file, problems_of, source_of

PASTED = "ghp_s3cretTokenOfMine"
BEARER = '[auth]\ntype = "bearer"\n'

PLACES = [
    f'[secrets]\ntoken = "{PASTED}"',
    f'[secrets]\ntoken = "vault:{PASTED}"',
    f'[secrets]\ntoken = "env:{PASTED}-x"',
    f'[secrets]\ntoken = "keyring:{PASTED}"',
    f'[secrets]\ntoken = {{ from = "{PASTED}" }}',
    f'[secrets]\ntoken = {{ from = "env:T", public = "{PASTED}" }}',
    f'[secrets]\ntoken = {{ from = "env:T", value = "{PASTED}" }}',
    f'[secrets]\ntoken = ["{PASTED}"]',
    f'[accounts.anna.secrets]\ntoken = "{PASTED}"',
    f'[auth]\ntype = "bearer"\ntoken = "{PASTED}"',
    f'[auth]\ntype = "bearer"\ntoken = "{PASTED}{{"',
    f'[auth]\ntype = "bearer"\ntoken = "{PASTED}{{nothing.x}}"',
    f'[auth]\ntype = "bearer"\ntoken = ["{PASTED}"]',
    f'[auth]\ntype = "bearer"\npassword = "{PASTED}"\ntoken = "x"',
    f'[auth]\ntype = "basic"\nusername = "me"\npassword = "{PASTED}"',
    f'[auth]\ntype = "api_key"\nname = "k"\ntoken = "{PASTED}"',
    f'[auth]\ntype = "oauth2"\ntoken_url = "https://me:{PASTED}@e.org"\nclient_id = "a"\nrefresh_token = "{PASTED}"',
    f'[auth]\ntype = "jwt_bearer"\ntoken_url = "https://e.org"\nissuer = "i"\nkey = "{PASTED}"',
    f'[auth]\ntype = "body"\nfields = {{ t = "{PASTED}" }}',
]


@pytest.mark.parametrize("lines", PLACES)
def test_a_pasted_secret_is_refused_and_not_shown(lines):
    problems = problems_of(a_file(lines, stream=STREAM + 'method = "POST"\njson = {}\n'))

    assert not [problem for problem in problems if PASTED in str(problem) or PASTED in repr(problem)]


@pytest.mark.parametrize(
    "client",
    [
        f'base_url = "https://me:{PASTED}@example.org"',
        f'base_url = "https://example.org"\nheaders = {{ Authorization = "Bearer {PASTED}" }}',
        f'base_url = "https://example.org"\nallow_hosts = ["me:{PASTED}@example.org"]',
    ],
)
def test_a_secret_in_an_address_or_a_header_is_not_shown(client):
    problems = problems_of(a_file(client=f"[client]\n{client}\n"))

    assert not [problem for problem in problems if PASTED in str(problem)]


@pytest.mark.parametrize("value", ["123456789", "true", '["a"]'])
def test_a_secret_that_is_no_text_is_not_shown_either(value):
    (problem,) = problems_of(a_file(f"{BEARER}token = {value}"))

    assert problem.value is None
    assert "in quotes" in problem.message


@pytest.mark.parametrize(
    "notify",
    [
        f'type = "email"\nto = "me@example.org"\npassword = "{PASTED}"',
        f'type = "apprise"\nurl = "mailto://me:{PASTED}@example.org"',
        f'type = "apprise"\nurl = ["{PASTED}"]',
    ],
)
def test_messages_take_their_secrets_by_name_too(notify):
    settings, problems = load_settings(f'format = 1\nzone = "UTC"\n[[notify]]\n{notify}\n')

    assert settings is None
    assert len(problems) == 1
    assert PASTED not in str(problems[0])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"env:MY_TOKEN"', SecretRef("t", "env", "MY_TOKEN")),
        ('"file:~/.token"', SecretRef("t", "file", "~/.token")),
        ('"keyring:oura/token"', SecretRef("t", "keyring", "oura/token")),
        ('"command:pass show api"', SecretRef("t", "command", "pass show api")),
        ('{ from = "env:ID", public = true }', SecretRef("t", "env", "ID", public=True)),
    ],
)
def test_a_secret_is_named_by_where_it_is(written, expected):
    source = source_of(a_file(f"[secrets]\nt = {written}\n"))

    assert source.secrets == {"t": expected}


@pytest.mark.parametrize(
    "lines",
    [
        'username = "{secrets.t}"\npassword = "api_token"',
        'username = "me"\npassword = "{secrets.t}"',
    ],
)
def test_basic_authentication_needs_one_secret(lines):
    assert source_of(a_file(f'[secrets]\nt = "env:T"\n[auth]\ntype = "basic"\n{lines}\n', client=CLIENT))


def test_control_characters_of_a_file_reach_no_terminal():
    (problem,) = problems_of(a_file('["\\u001b[2J"]\nx = 1\n'))

    assert str(problem).isprintable()
