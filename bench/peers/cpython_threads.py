# SPDX-License-Identifier: MIT
"""CPython's ThreadPoolExecutor: cpython_threads.py WORKLOAD WORKERS N."""

import hashlib
import os
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

WINDOW = 1000
PAUSE = 0.0002
now = time.perf_counter_ns


def increment(x):
    return x + 1


def square(x):
    return x * x + 1


def round_of(pool, numbers):
    """Submit a task for each and collect them; return the sum of their results."""
    futures = [pool.submit(increment, i) for i in numbers]
    return sum(future.result() for future in futures)


def throughput(pool, n, window):
    start = now()
    total = sum(round_of(pool, range(i, min(n, i + window))) for i in range(0, n, window))
    elapsed = now() - start
    assert total == n * (n + 1) // 2
    return elapsed / n


def collected(pool, workers, n):
    return throughput(pool, n, n)


def in_windows(pool, workers, n):
    return throughput(pool, n, WINDOW)


def mapped(pool, workers, n):
    start = now()
    squares = list(pool.map(square, range(n)))
    elapsed = now() - start
    assert squares[-1] == square(n - 1)
    return elapsed / n


def round_trip(pool, n, pause):
    times = []
    for i in range(n):
        if pause:
            time.sleep(pause)
        start = now()
        pool.submit(increment, i).result()
        times.append(now() - start)
    return sorted(times)[n // 2]


def awake(pool, workers, n):
    return round_trip(pool, n, 0)


def parked(pool, workers, n):
    return round_trip(pool, n, PAUSE)


def digest(data):
    return hashlib.sha256(data).digest()


def works(n):
    """Pieces of 5 to 15 microseconds, whose work is a digest, as this lets go of the interpreter's lock."""
    piece = bytes(100000)
    start = now()
    for _ in range(20):
        digest(piece)
    speed = 20 * len(piece) / ((now() - start) / 1000)
    chance = random.Random(1)
    room = memoryview(bytes(int(16 * speed)))
    return [room[: int((5 + 10 * chance.random()) * speed)] for _ in range(n)]


def completed(pool, workers, n):
    pieces = works(n)
    start = now()
    for piece in pieces:
        digest(piece)
    serial = now() - start
    start = now()
    for future in as_completed([pool.submit(digest, piece) for piece in pieces]):
        future.result()
    return (now() - start) / (serial / min(workers, len(os.sched_getaffinity(0))))


def from_outside(pool, workers, n):
    threads = [threading.Thread(target=round_of, args=(pool, range(n // 4))) for _ in range(4)]
    start = now()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (now() - start) / (n // 4 * 4)


WORKLOADS = {
    "A1": (collected, "ns/task"),
    "A1w": (in_windows, "ns/task"),
    "A2": (mapped, "ns/item"),
    "A3": (awake, "ns"),
    "A3p": (parked, "ns"),
    "A4": (completed, "x ideal"),
    "A6": (from_outside, "ns/task"),
}


def main(workload, workers, n):
    run, unit = WORKLOADS[workload]
    with ThreadPoolExecutor(workers) as pool:
        round_of(pool, range(100))
        print(f"cpython-threads\t{workload}\t{workers}\t{run(pool, workers, n):.3f}\t{unit}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
