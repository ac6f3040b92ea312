"""Write the registered equations into the notebooks' `$$ ... $$ (label)` blocks, or check them.

    python tools/write_equations.py            rewrite every block of every chapter, and the list
                                               ganmath/_data/equations.json with what the checks find
    python tools/write_equations.py --check    change nothing; exit 1 where a block differs

Authors type `$$` `$$ (label)` with anything between; the text between comes from the registry.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

BLOCK = re.compile(r"\$\$(?P<latex>.*?)\$\$(?P<label> ?\([^)$\s]+\))?", re.DOTALL)
UNREGISTERED = re.compile(r"\\begin\{(align|equation|gather)|```\{math\}|:::\{math\}|\\\[")
BOOK = Path(__file__).parent.parent / "book"


def rewritten(text: str, where: str, latex: Mapping[str, str]) -> tuple[str, list[str], list[str]]:
    """The text with its blocks from the registry, the labels met, and what is wrong.

    latex: LaTeX of every registered equation by label.
    """
    labels: list[str] = []
    problems = [f"{where}: display mathematics outside $$ … $$ (label): {found.group(0)}"
                for found in UNREGISTERED.finditer(BLOCK.sub("", text))]  # fmt: skip

    def replace(match: re.Match) -> str:
        label = (match["label"] or "").strip(" ()")
        if label not in latex:
            problems.append(f"{where}: no registered equation {label!r}: {match.group(0)[:60]!r}")
            return match.group(0)
        labels.append(label)
        return f"$$\n{latex[label]}\n$$ ({label})"

    return BLOCK.sub(replace, text), labels, problems


def visit(path: Path, latex: Mapping[str, str], write: bool) -> tuple[bool, list[str], list[str]]:
    """Rewrite one notebook; whether it differed from the registry, its labels, its problems."""
    notebook = json.loads(path.read_text())
    labels: list[str] = []
    problems: list[str] = []
    differs = False
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "markdown":
            continue
        text = "".join(cell["source"])
        new, found, wrong = rewritten(text, f"{path.name}, cell {number}", latex)
        labels += found
        problems += wrong
        if new != text:
            differs = True
            cell["source"] = new.splitlines(keepends=True)
    if differs and write:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return differs, labels, problems


def displayed(latex: Mapping[str, str], write: bool = False) -> tuple[dict[str, str], list[str]]:
    """The chapter (a notebook's name) that displays each label, and everything that is wrong in the book.

    Wrong is a displayed equation that is unregistered, differs from the registry (unless `write`), is
    displayed twice, or in another chapter than its label says, and a registered one displayed nowhere.
    """
    everything: list[tuple[str, str]] = []
    problems: list[str] = []
    for path in sorted(BOOK.glob("*.ipynb")):
        differs, labels, wrong = visit(path, latex, write)
        everything += [(label, path.stem) for label in labels]
        problems += wrong
        if differs and not write:
            problems.append(f"{path.name}: equations differ from the registry: run tools/write_equations.py")
        elif differs:
            print(f"{path.name}: equations written")
    for path in sorted(BOOK.glob("*.md")):  # pages that only talk about equations
        _, labels, wrong = rewritten(path.read_text(encoding="utf-8"), path.name, latex)
        everything += [(label, path.stem) for label in labels]
        problems += wrong
    chapter_of = dict(everything)
    for label, count in Counter(label for label, _ in everything).items():
        if count > 1:
            problems.append(f"{label}: displayed more than once; refer to it with {{eq}}`{label}` instead")
    for label, chapter in chapter_of.items():
        if label.split(".")[0].replace("_", "-") != chapter:
            problems.append(f"{label}: displayed in the chapter {chapter!r}, which its label does not name")
    problems += [f"{label}: registered but displayed nowhere" for label in latex if label not in chapter_of]
    return chapter_of, problems


def main() -> int:
    """Visit every chapter; the exit status is 1 where something is wrong."""
    from ganmath.checked import DATA, as_json
    from ganmath.theory.equations import check_all, checked, equations

    write = "--check" not in sys.argv
    labels, problems = displayed({label: entry.latex for label, entry in equations.items()}, write)
    if write and not problems:
        DATA.write_text(as_json(checked(check_all())), encoding="utf-8")
    for problem in problems:
        print(problem)
    print(f"{len(labels)} displayed equations, {len(equations)} registered")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
