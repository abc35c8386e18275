"""What has no effect yet is told."""

from snapshotter import catalogue
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.unused import unused_in

SETTINGS, _ = load_settings(settings_template("UTC"))


def a_source(name):
    return load_source(catalogue.text(name), file=f"sources/{name}.toml", settings=SETTINGS).sources[0]


def test_a_recheck_ladder_has_no_effect_yet():
    assert [words.partition(":")[0] for words in unused_in(a_source("usgs-earthquakes"))] == ["streams.events.refresh"]


def test_a_budget_for_refreshes_has_no_effect_yet_either():
    text = catalogue.text("usgs-earthquakes").replace('recheck = ["60d", "180d", "365d"]', "budget = 5")
    (source,) = load_source(text, file="sources/usgs-earthquakes.toml", settings=SETTINGS).sources

    assert any(words.startswith("streams.events.refresh") for words in unused_in(source))


def test_a_stream_that_says_nothing_of_refreshes_is_told_nothing():
    assert not any("refresh" in words for words in unused_in(a_source("github-events")))


def test_the_horizon_of_a_feed_has_no_effect_yet():
    assert any(words.startswith("streams.events.horizon") for words in unused_in(a_source("github-events")))
