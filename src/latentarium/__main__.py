"""Run the command line: `python -m latentarium` does the same as `latentarium`."""

from latentarium.cli import main

if __name__ == "__main__":
    main()
