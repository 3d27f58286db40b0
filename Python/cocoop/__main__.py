"""The command ``cocoop``: the tool itself, in place of this process."""

from __future__ import annotations

import os
import sys

from ._tool import ToolError, command


def main() -> None:
    """Becomes the tool, with the arguments of this process."""
    try:
        tool, environment = command()
        os.execve(tool, ["cocoop", *sys.argv[1:]], environment)
    except ToolError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: The tool cannot be started: {error}. Install cocoop again.")


if __name__ == "__main__":
    main()
