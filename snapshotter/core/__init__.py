"""Rooms that decide from values alone and touch nothing."""
