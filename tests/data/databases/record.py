"""Writes the statements of a release into NAME_reads.json and NAME_writes.json beside this script.

    python3 tests/data/databases/record.py COMMIT NAME

COMMIT is the release, NAME the number of its last migration. Each statement there names a file of core/src/store/sql,
whose text becomes its `sql`; parameters are written by hand. What README.md beside this says comes before.
"""

import json
import pathlib
import subprocess
import sys


def text_of(commit, name):
    """Returns the statement as it stood, without its comments."""
    shown = ["git", "show", f"{commit}:core/src/store/sql/{name}.sql"]
    text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()


def lines_of(commit, statements):
    """Returns a line of JSON for each statement, with its text."""
    texts = ({**statement, "sql": text_of(commit, statement["name"])} for statement in statements)
    return ",\n".join(json.dumps(statement) for statement in texts)


def main(commit, name):
    folder = pathlib.Path(__file__).parent
    reads, writes = folder / f"{name}_reads.json", folder / f"{name}_writes.json"
    reads.write_text(f"[\n{lines_of(commit, json.loads(reads.read_text()))}\n]\n")
    batches = (
        f'{{"name": {json.dumps(batch["name"])}, "statements": [\n{lines_of(commit, batch["statements"])}\n]}}'
        for batch in json.loads(writes.read_text())
    )
    writes.write_text("[\n" + ",\n".join(batches) + "\n]\n")


main(*sys.argv[1:])
