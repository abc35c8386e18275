"""When to ask an old day again: how often days of an age change, and which requests are worth most."""
