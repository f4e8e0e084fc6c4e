"""``python -m app``: the same as the command ``skywarden``."""

from app.cli import main

# Rendering starts worker processes, and those import this module under another name.
if __name__ == "__main__":
    main()
