"""`python -m tfapps` is the `tfapps` command."""

from tfapps.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
