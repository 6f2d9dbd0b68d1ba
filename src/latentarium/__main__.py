"""`python -m latentarium` is `latentarium`."""

from latentarium.cli import main

if __name__ == "__main__":
    main()
