"""Write the registered equations into the notebooks' `$$ ... $$ (label)` blocks, or check them.

    python tools/write_equations.py            rewrite every block of every chapter
    python tools/write_equations.py --check    change nothing; exit 1 where a block differs

Authors type `$$` `$$ (label)` with anything between; the text between comes from the registry.
"""

import json
import re
import sys
from pathlib import Path

from ganmath.theory.equations import equations

BLOCK = re.compile(r"\$\$(?P<latex>.*?)\$\$(?P<label> ?\([^)$\s]+\))?", re.DOTALL)
UNREGISTERED = re.compile(r"\\begin\{(align|equation|gather)|```\{math\}|:::\{math\}|\\\[")
BOOK = Path(__file__).parent.parent / "book"


def rewritten(text: str, where: str) -> tuple[str, list[str], list[str]]:
    """The text with its blocks from the registry, the labels met, and what is wrong."""
    labels: list[str] = []
    problems = [f"{where}: display mathematics outside $$ … $$ (label): {found.group(0)}"
                for found in UNREGISTERED.finditer(BLOCK.sub("", text))]  # fmt: skip

    def replace(match: re.Match) -> str:
        label = (match["label"] or "").strip(" ()")
        if label not in equations:
            problems.append(f"{where}: no registered equation {label!r}: {match.group(0)[:60]!r}")
            return match.group(0)
        labels.append(label)
        return f"$$\n{equations[label].latex}\n$$ ({label})"

    return BLOCK.sub(replace, text), labels, problems


def visit(path: Path) -> tuple[bool, list[str], list[str]]:
    """Rewrite one notebook in memory; whether it differs from the file, its labels, its problems."""
    notebook = json.loads(path.read_text())
    labels: list[str] = []
    problems: list[str] = []
    differs = False
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "markdown":
            continue
        text = "".join(cell["source"])
        new, found, wrong = rewritten(text, f"{path.name}, cell {number}")
        labels += found
        problems += wrong
        if new != text:
            differs = True
            cell["source"] = new.splitlines(keepends=True)
    if differs and "--check" not in sys.argv:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return differs, labels, problems


def main() -> int:
    """Visit every chapter; the exit status is 1 where something is wrong."""
    everything: list[str] = []
    failed = False
    for path in sorted(BOOK.glob("*.ipynb")):
        differs, labels, problems = visit(path)
        everything += labels
        for problem in problems:
            print(problem)
        failed |= bool(problems)
        if differs:
            print(
                f"{path.name}: equations {'differ from the registry' if '--check' in sys.argv else 'written'}"
            )
            failed |= "--check" in sys.argv
    for label in sorted({label for label in everything if everything.count(label) > 1}):
        print(f"{label}: displayed more than once; refer to it with {{eq}}`{label}` instead")
        failed = True
    for label in sorted(set(equations) - set(everything)):
        print(f"{label}: registered but displayed nowhere")
        failed |= "--check" in sys.argv
    print(f"{len(everything)} displayed equations, {len(equations)} registered")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
