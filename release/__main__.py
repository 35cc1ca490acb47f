"""`python -m release docs`, `distributions`, `images` (`make docs`, `make release`) or `typescript`."""

from __future__ import annotations

import argparse
import sys

from release import distributions, images, site, typescript
from release.steps import ReleaseError

COMMANDS = {
    "docs": site.main,
    "distributions": distributions.main,
    "images": images.main,
    "typescript": typescript.main,
}


def main(arguments: list[str]) -> int:
    """Run the command; 1 where it fails, after one sentence."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args(arguments).command]()
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
