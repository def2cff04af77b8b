"""``python -m spacekit`` is the ``spacekit`` command."""

from spacekit.cli import main

if __name__ == "__main__":
    main()
