"""What is told about limits, trust and authorization."""

from snapshotter.core.report_access import trusting
from snapshotter.results import Fact, Trusting, TrustingFile


def told(fact, **more):
    return trusting(Trusting("/a", False, (TrustingFile("demo", "sources/demo.toml", (fact,), (fact,)),), **more))


def test_characters_of_a_foreign_file_do_nothing_to_the_terminal():
    text = told(Fact("runs", "rm -r ~ \x1b[2K\u202e harmless"))

    assert "rm -r ~ \\u001b[2K\\u202e harmless" in text


def test_the_end_of_a_long_command_does_not_hide():
    assert told(Fact("runs", f"true {'x' * 5000}; evil")).endswith("evil")


def test_only_beside_what_was_agreed_to_before_something_is_called_new():
    assert "new: " not in told(Fact("runs", "x"))
    assert "new: runs x" in told(Fact("runs", "x"), known=True)
