# SPDX-License-Identifier: MIT
"""Python's pools of processes: python_processes.py PEER WORKLOAD WORKERS N.

PEER is cpython-processes (concurrent.futures), multiprocessing (its Pool) or mpi4py (its futures; to be run as
mpirun -n WORKERS+1 python3 -m mpi4py.futures python_processes.py ...).
"""

import sys
import time

CHUNK = 100  # what map() takes where it does not choose by itself
PAUSE = 0.0002
LARGE = 1 << 30
now = time.perf_counter_ns


def increment(x):
    return x + 1


def echo(data):
    return data


class Executor:
    """An executor as concurrent.futures defines it."""

    def __init__(self, kind, workers):
        self.pool = kind(workers)

    def submit(self, task, argument):
        return self.pool.submit(task, argument)

    def result(self, future):
        return future.result()

    def map(self, task, arguments):
        return list(self.pool.map(task, arguments, chunksize=CHUNK))

    def close(self):
        self.pool.shutdown()


class Pool:
    """The older interface, of multiprocessing, whose map() chooses the size of its chunks."""

    def __init__(self, kind, workers):
        self.pool = kind(workers)

    def submit(self, task, argument):
        return self.pool.apply_async(task, (argument,))

    def result(self, future):
        return future.get()

    def map(self, task, arguments):
        return self.pool.map(task, arguments)

    def close(self):
        self.pool.close()
        self.pool.join()


def opener(peer, workers):
    """What makes a pool of the peer's; its modules are loaded already."""
    if peer == "multiprocessing":
        import multiprocessing

        kind = multiprocessing.get_context("fork").Pool
        return lambda: Pool(kind, workers)
    if peer == "mpi4py":
        from mpi4py.futures import MPIPoolExecutor as kind
    else:
        from concurrent.futures import ProcessPoolExecutor as kind
    return lambda: Executor(kind, workers)


def median(times):
    return sorted(times)[len(times) // 2]


def round_trip(pool, n, pause):
    times = []
    for i in range(n):
        if pause:
            time.sleep(pause)
        start = now()
        assert pool.result(pool.submit(increment, i)) == i + 1
        times.append(now() - start)
    return median(times)


def awake(pool, n):
    return round_trip(pool, n, 0)


def parked(pool, n):
    return round_trip(pool, n, PAUSE)


def collected(pool, n):
    start = now()
    futures = [pool.submit(increment, i) for i in range(n)]
    total = sum(pool.result(future) for future in futures)
    elapsed = now() - start
    assert total == n * (n + 1) // 2
    return elapsed / n


def mapped(pool, n):
    start = now()
    results = pool.map(increment, range(n))
    elapsed = now() - start
    assert results[-1] == n
    return elapsed / n


def echoes(pool, n, size):
    """Bytes in and bytes out, a nanosecond."""
    payload = b"x" * size
    start = now()
    for _ in range(n):
        assert len(pool.result(pool.submit(echo, payload))) == size
    return 2 * size * n / (now() - start)


def echoes_1(pool, n):
    return echoes(pool, n, 1 << 20)


def echoes_64(pool, n):
    return echoes(pool, n, 64 << 20)


def lifetime(open_pool, n):
    """Milliseconds for a pool to be made, used once and closed."""
    times = []
    for i in range(n):
        start = now()
        pool = open_pool()
        assert pool.result(pool.submit(increment, i)) == i + 1
        pool.close()
        times.append(now() - start)
    return median(times) / 1e6


WORKLOADS = {
    "B1": (awake, "ns"),
    "B1p": (parked, "ns"),
    "B2": (collected, "ns/task"),
    "B3": (mapped, "ns/item"),
    "B5": (echoes_1, "GB/s"),
    "B6": (echoes_64, "GB/s"),
}


def measure(open_pool, workload, n):
    """The figure and its unit."""
    if workload in ("B4", "B4g"):
        return lifetime(open_pool, n), "ms"
    run, unit = WORKLOADS[workload]
    pool = open_pool()
    for i in range(20):
        pool.result(pool.submit(increment, i))
    figure = run(pool, n)
    pool.close()
    return figure, unit


def main(peer, workload, workers, n):
    open_pool = opener(peer, workers)
    ballast = b"x" * LARGE if workload == "B4g" else b""
    figure, unit = measure(open_pool, workload, n)
    del ballast
    print(f"{peer}\t{workload}\t{workers}\t{figure:.3f}\t{unit}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
