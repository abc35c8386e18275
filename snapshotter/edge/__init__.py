"""Rooms that touch the world and decide nothing."""
