"""How a command of ours ends when it is run by hand."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

_SIGPIPE, _SIGINT = 128 + 13, 128 + 2


def take_negative_numbers(parser: argparse.ArgumentParser) -> None:
    """-4e1 and -40. are numbers too, as Python 3.14 has it; argparse took them for options."""
    parser._negative_number_matcher = re.compile(r"-\.?\d")


def leave(main: Callable[[], int]) -> NoReturn:
    """Exit with what `main` returns; in silence where the reader of a pipe has had enough, or on Ctrl-C."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more while it ends; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _SIGPIPE
    except KeyboardInterrupt:
        code = _SIGINT
    sys.exit(code)
