"""What all benchmarks share: summaries of many values, the machine they were taken on, and the JSON file."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PERCENTILES = (50, 90, 95, 99)


def summary(values: Sequence[float], *, digits: int = 1) -> dict[str, float | int]:
    """``{"n", "mean", "p50", "p90", "p95", "p99", "max"}`` of ``values``; only ``{"n": 0}`` when there are none."""
    if not values:
        return {"n": 0}
    found = np.percentile(np.asarray(values, dtype=np.float64), PERCENTILES)
    return {
        "n": len(values),
        "mean": round(float(np.mean(values)), digits),
        **{f"p{p}": round(float(value), digits) for p, value in zip(PERCENTILES, found, strict=True)},
        "max": round(float(max(values)), digits),
    }


def machine() -> dict[str, object]:
    """Processor, cores, load and Python: what a reader needs to judge a time."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return {
        "cpu": name,
        "cores": os.cpu_count() or 1,
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write one benchmark's result with the machine it was taken on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**result, "machine": machine()}, indent=2) + "\n", encoding="utf-8")
