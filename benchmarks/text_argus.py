"""argus-redact on texts from standard input, one JSON string a line; prints the seconds of each round.

Runs in a process of its own with the package on its path, which the benchmark of free text installs for the occasion.
"""

from __future__ import annotations

import json
import sys
import time

from argus_redact import redact  # type: ignore[import-not-found]  # installed by the benchmark only, in a folder of its own


def main() -> None:
    """Redact all texts as often as the argument says, by rules alone (``mode="fast"``)."""
    texts = [json.loads(line) for line in sys.stdin]
    redact(texts[0], mode="fast")
    for _ in range(int(sys.argv[1])):
        begin = time.perf_counter()
        for text in texts:
            redact(text, mode="fast")
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
