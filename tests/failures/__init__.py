"""How archivers and extractors fail, each way seen in a real system; here every one ends the other way.

Each test plays the failure with a real server and a real archive, is named after what happens instead, and says in its
first line what happens elsewhere.
"""

ONE_TRY = "[retry]\nattempts = 1"
ALL_SEVEN = [f"r{number:03}" for number in range(7)]
