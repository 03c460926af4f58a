"""`python -m focusgen COMMAND`: the same as `focusgen COMMAND`."""

from focusgen.cli import entry_point

if __name__ == "__main__":
    entry_point()
