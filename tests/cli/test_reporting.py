"""`snap report` as a person types it."""

import json

from snapshotter.cli import reporting
from snapshotter.results import Exit


def test_the_report_is_text_a_page_or_json(person, archive):
    person.types("fetch")

    assert "usgs-earthquakes/events: 2 of 2 days" in person.types("report")
    assert person.types("report", "--html", "../page.html") == "Wrote ../page.html\n"
    assert "usgs-earthquakes/events" in (archive.parent / "page.html").read_text()
    assert json.loads(person.types("report", "--json"))["streams"][0]["status"]["records"] > 0


def test_the_page_is_shown_in_a_browser(person, archive, monkeypatch):
    shown = []
    monkeypatch.setattr(reporting.webbrowser, "open", lambda url: shown.append(url) or True)

    told = person.types("report", "--open", "--html", "../page.html")

    assert shown == [(archive.parent / "page.html").as_uri()]
    assert told == "Wrote ../page.html\n"


def test_without_a_browser_it_says_where_the_page_is(person, archive, monkeypatch):
    monkeypatch.setattr(reporting.webbrowser, "open", lambda url: False)

    assert "No browser could be opened" in person.types("report", "--open", "--html", "../page.html")


def test_a_page_and_json_at_once_are_a_mistake(person, archive):
    person.types("report", "--json", "--open", code=Exit.CONFIG)

    assert "--json prints the report for a script" in person.err


def test_a_folder_that_is_not_there_is_named(person, archive):
    person.types("report", "--html", "nowhere/page.html", code=Exit.CONFIG)

    assert "nowhere" in person.err
