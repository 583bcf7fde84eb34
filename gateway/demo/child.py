"""The demo's gateway process: the real gateway, but for a clock that can leap, which `run` refuses, and a spoken-text
log with names; `--ids` after the configuration leaves them out as `run` does."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.config import read_config
from gateway.runtime.serving import serve

if __name__ == "__main__":
    sys.exit(serve(read_config(Path(sys.argv[1])), leap=True, log_names="--ids" not in sys.argv[2:]))
