"""`python -m plexgrad`, the same as `plexgrad`."""

from plexgrad.cli import main

if __name__ == "__main__":
    main()
