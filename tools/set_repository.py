"""Write the addresses of the project's repository and of its published book into the settings.

usage: python tools/set_repository.py https://github.com/OWNER/NAME https://OWNER.github.io/NAME [BRANCH]

The repository itself holds no address, so that a copy of it never points at someone else's. The
publish workflow runs this on its own checkout before it builds the book: the book gets its Colab and
source buttons, and the notebooks for Colab (`notebooks/` of the built book) learn from where to
install ganmath. BRANCH is the branch that Colab opens chapters from (default: main).
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
    'baseurl: ""': 'baseurl: "{pages}/"',
    "use_repository_button: false": "use_repository_button: true",
    "use_issues_button: false": "use_issues_button: true",
}
REPOSITORY = r"https://[\w.-]+/[\w.-]+/[\w.-]+"
PAGES = r"https?://[\w.:-]+(/[\w.-]+)*/?"


def set_settings(text: str, url: str, pages: str, branch: str) -> str:
    """_config.yml with the addresses filled in (ValueError where a setting is not as expected)."""
    for old, new in SETTINGS.items():
        filled = new.format(url=url, pages=pages.rstrip("/"), branch=branch)
        text, count = re.subn(rf"^( +){re.escape(old)}$", rf"\g<1>{filled}", text, flags=re.M)
        if count != 1:
            raise ValueError(f"_config.yml should hold the line {old!r} once, not {count} times")
    return text


def main() -> int:
    url, pages, branch = [*sys.argv[1:], "main"][:3] if len(sys.argv) in (3, 4) else ("", "", "")
    if not (re.fullmatch(REPOSITORY, url) and re.fullmatch(PAGES, pages)):
        print(__doc__, file=sys.stderr)
        return 2
    config = ROOT / "_config.yml"
    config.write_text(set_settings(config.read_text(), url, pages, branch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
