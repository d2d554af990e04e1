"""`python -m bot` is `ownpace`."""

import gc


def main() -> None:
    """Load the commands and run one.

    What is loaded stays. Looking for garbage in it, as often as Python does of its own accord, would take a quarter of
    the time.
    """
    gc.set_threshold(100_000, 20, 50)
    from bot import cli

    cli.main()


if __name__ == "__main__":
    main()
