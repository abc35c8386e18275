"""What may be asked elsewhere, and what a worker is lent for it."""

import pytest

from snapshotter.core import posting
from tests.core.config_builders import STREAM, a_file, source_of

SECRETS = '[secrets]\none = "env:ONE"\ntwo = "env:TWO"\n'
TOKENS = 'type = "oauth2"\ntoken_url = "https://a.example/t"\nclient_id = "{secrets.one}"\n'


def a_source(auth="", stream=STREAM):
    return source_of(a_file(SECRETS, f"[auth]\n{auth}" if auth else "", stream=stream))


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        ('type = "bearer"\ntoken = "{secrets.one}"', {"one"}),
        ('type = "basic"\nusername = "{secrets.one}"\npassword = "{secrets.two}"', {"one", "two"}),
        (f'{TOKENS}grant_type = "client_credentials"\nclient_secret = "{{secrets.two}}"', set()),
    ],
)
def test_a_worker_is_lent_what_requests_show_and_nothing_that_tokens_are_obtained_with(auth, names):
    assert posting.lent(a_source(auth)) == names


def test_a_secret_in_a_header_or_a_parameter_is_lent():
    more = 'params = { key = "{secrets.one}" }\nheaders = { X-Key = "v {secrets.two}" }\n'

    assert posting.lent(a_source(stream=STREAM + more)) == {"one", "two"}


@pytest.mark.parametrize(
    ("more", "stays"),
    [
        ('refresh_token = "{secrets.two}"\n', True),
        ('refresh_token = "{secrets.two}"\nrotates = false\n', False),
        ('grant_type = "client_credentials"\nclient_secret = "{secrets.two}"\n', False),
    ],
)
def test_a_source_whose_refresh_token_is_spent_by_its_use_stays_here(more, stays):
    assert (posting.stays_here(a_source(TOKENS + more)) is not None) == stays


def test_a_request_that_must_not_leave_twice_stays_here():
    once = STREAM.replace("[streams.items]\n", '[streams.items]\nmethod = "POST"\nrepeatable = false\n')

    assert "must not be asked twice" in (posting.stays_here(a_source(stream=once)) or "")
