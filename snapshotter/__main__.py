"""`python -m snapshotter`: the same as `snap`."""

from snapshotter.cli import main

if __name__ == "__main__":
    main()
