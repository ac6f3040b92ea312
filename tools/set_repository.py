"""Write the address of the project's repository into the settings and chapters.

usage: python tools/set_repository.py https://github.com/OWNER/NAME [BRANCH]

The repository itself holds no address, so that a copy of it never points at someone else's. The
publish workflow runs this on its own checkout: the book gets its Colab and source buttons, and the
install cell of each chapter (the cell tagged "install", line `REPOSITORY = ""`) learns where to
install from. BRANCH is the branch that Colab opens chapters from (default: main).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {
    'url: ""': 'url: "{url}"',
    "branch: main": "branch: {branch}",
    'colab_url: ""': "colab_url: https://colab.research.google.com",
    "use_repository_button: false": "use_repository_button: true",
    "use_issues_button: false": "use_issues_button: true",
}
# as it stands in a notebook's JSON, where quotes are escaped
INSTALL = r"REPOSITORY = \"\""


def set_settings(text: str, url: str, branch: str) -> str:
    """_config.yml with the address filled in (ValueError where a setting is not as expected)."""
    for old, new in SETTINGS.items():
        text, count = re.subn(
            rf"^( +){re.escape(old)}$", rf"\g<1>{new.format(url=url, branch=branch)}", text, flags=re.M
        )
        if count != 1:
            raise ValueError(f"_config.yml should hold the line {old!r} once, not {count} times")
    return text


def main() -> int:
    if len(sys.argv) not in (2, 3) or not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    url, branch = sys.argv[1], (sys.argv[2:] or ["main"])[0]
    config = ROOT / "_config.yml"
    config.write_text(set_settings(config.read_text(), url, branch))
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(INSTALL, rf"REPOSITORY = \"{url}\""), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
