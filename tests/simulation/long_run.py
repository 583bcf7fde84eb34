"""`make simulate`: home-days by the thousand on all cores, until a story breaks an invariant, or the end."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

from sim_shrink import judged, report
from sim_story import write
from sim_twins import TWINS

DAYS = 10
TWIN_EVERY = 10
LIVES_A_TWIN = 2  # each compares two


A_WORKER = 2  # chunks of two seeds: some ten MiB a life, and a worker that ends need not take its lives apart


def _prepare() -> None:
    """Everything is loaded and stays, for all workers; none of them looks for what could be freed."""
    judged(write(0, 0.2))
    gc.collect()
    gc.freeze()
    gc.disable()


def wrong(seed: int) -> tuple[int, str]:
    """The seed and what it breaks, empty if nothing."""
    story = write(seed, DAYS)
    found = judged(story)
    if not found and seed % TWIN_EVERY == 0:
        found = [violation for twin in TWINS for violation in twin(story)]
    return seed, found[0].invariant if found else ""


def main() -> int:
    """0 if every invariant held."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=10_000, help="home-days")
    options.add_argument("--first", type=int, default=int(time.time()), help="first seed; the default is a new one")
    options.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    given = options.parse_args()
    seeds = range(given.first, given.first + given.days // DAYS)
    print(f"{len(seeds) * DAYS} home-days from seed {given.first} on", flush=True)
    started = time.monotonic()
    _prepare()
    with multiprocessing.get_context("fork").Pool(given.jobs, maxtasksperchild=A_WORKER) as pool:
        for done, (seed, invariant) in enumerate(pool.imap_unordered(wrong, seeds, chunksize=2), 1):
            if invariant:
                pool.terminate()
                check = judged if judged(write(seed, DAYS)) else next(t for t in TWINS if t(write(seed, DAYS)))
                print(report(write(seed, DAYS), check, Path(tempfile.gettempdir())))
                return 1
            if done % 100 == 0:
                rate = done * DAYS / (time.monotonic() - started) * 60
                print(f"{done * DAYS} home-days, {rate:.0f} a minute", flush=True)
        pool.close()
        pool.join()
    worked = resource.getrusage(resource.RUSAGE_CHILDREN)
    days, cpu_s = len(seeds) * DAYS, worked.ru_utime + worked.ru_stime
    again = sum(seed % TWIN_EVERY == 0 for seed in seeds) * len(TWINS) * LIVES_A_TWIN * DAYS
    lived = days + again
    rates = f"{lived / (time.monotonic() - started) * 60:.0f} a minute, {lived / cpu_s * 60:.0f} a minute of CPU"
    print(f"all invariants held over {days} home-days, {again} more lived to compare two lives ({rates})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
