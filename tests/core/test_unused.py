"""What has no effect yet is told."""

from snapshotter import catalogue
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.unused import unused_in

SETTINGS, _ = load_settings(settings_template("UTC"))


def a_source(name):
    return load_source(catalogue.text(name), file=f"sources/{name}.toml", settings=SETTINGS).sources[0]


def test_when_old_days_are_asked_again_has_an_effect():
    assert unused_in(a_source("usgs-earthquakes")) == ()


def test_the_horizon_of_a_feed_has_an_effect():
    assert unused_in(a_source("github")) == ()
