"""The door to HTTP: `Sender` sends one request and says what came of it."""

from snapshotter.edge.http.sender import MOST_REDIRECTS, Habits, Sender, describe, sealed, shown_headers, unsealed

__all__ = ["MOST_REDIRECTS", "Habits", "Sender", "describe", "sealed", "shown_headers", "unsealed"]
