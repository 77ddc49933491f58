"""scripts/fit_endpoint: make the weights of the end-of-turn model from data.

text FOLDER   voice/turn/weights/completeness.{bin,json}. FOLDER holds JSON-lines files with a key `text`: what people say to
              assistants, one utterance a line (clinc150, hwu64, slurp_devel, snips, banking77, home_assistant, nq_open_dev).
              Prints the area under the curve on each file when it is left out of training.
fuse FILE     voice/turn/weights/endpoint.json. FILE is what `voice bench endpoint --json FILE` writes: its `each` has one row
              a silence, with `kind` (end, inner, hesitation), `length_ms`, `recording`, `set`, and the evidence.
              Prints cross-validated figures, by recording and with each set left out.
"""

import argparse
from pathlib import Path

from scripts.endpoint import fuse, text

WEIGHTS = Path(__file__).resolve().parents[2] / "voice" / "turn" / "weights"


def main() -> None:
    """Parse the command line and fit."""
    parser = argparse.ArgumentParser(
        prog="scripts/fit_endpoint", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("text", "fuse"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--check", action="store_true", help="print the figures, write nothing")
    given = parser.parse_args()
    fit = text.fit if given.part == "text" else fuse.fit
    fit(given.data, None if given.check else WEIGHTS)


if __name__ == "__main__":
    main()
