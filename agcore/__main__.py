"""``python -m agcore``: the same as ``agcore``."""

from agcore.cli import main

if __name__ == "__main__":
    main()
