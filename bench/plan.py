# SPDX-License-Identifier: MIT
"""What compare runs: the workloads, how much of each, on what, and the goals."""

import collections
import os
import sys

PEERS_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable  # Debian's has Debian's mpi4py

WORKLOADS = {
    "A1": "submit tasks that do nothing, then collect each",
    "A1w": "the same in windows of 1,000",
    "A2": "map x * x + 1 in order, chunks chosen by the library, and read each",
    "A3": "one task there and back, workers awake: median",
    "A3p": "one task there and back, workers asleep: median",
    "A4": "tasks of 5 to 15 us as completed, over the least that they take",
    "A5": "fib(27), where each task submits one and waits for it",
    "A6": "four threads outside submit a quarter each, and collect",
    "B1": "processes: one task there and back, workers awake: median",
    "B1p": "processes: one task there and back, workers asleep: median",
    "B2": "processes: submit tasks that do nothing, then collect each",
    "B3": "processes: map in chunks",
    "B4": "processes: a pool made, used once and closed: median",
    "B4g": "processes: the same in a program that has touched 1 GiB",
    "B5": "processes: 1 MB there and back, bytes in and bytes out",
    "B6": "processes: 64 MB there and back, bytes in and bytes out",
    "M": "memory per future with an argument of 64 bytes, pending behind one busy worker",
}
SIZES = {
    "A1": 1000000, "A1w": 1000000, "A2": 1000000, "A3": 20000, "A3p": 2000, "A4": 100000, "A5": 27, "A6": 1000000,
    "B1": 20000, "B1p": 2000, "B2": 1000000, "B3": 1000000, "B4": 50, "B4g": 10, "B5": 300, "B6": 10, "M": 1000000,
}  # fmt: skip
WORKERS = {"A1": (2, 32), "A1w": (2, 32), "A4": (2, 32), "A6": (2, 32), "M": (1,)}  # (2,) for all others

# What takes long enough with fewer.
SMALLER = {
    ("apr", "A1"): 300000, ("apr", "A1w"): 300000, ("apr", "A4"): 30000, ("apr", "A6"): 300000,
    ("cpython-processes", "B1"): 2000, ("cpython-processes", "B2"): 5000, ("cpython-processes", "B3"): 100000,
    ("cpython-processes", "B4"): 10, ("cpython-processes", "B4g"): 5, ("cpython-processes", "B5"): 30,
    ("cpython-processes", "B6"): 2,
    ("cpython-threads", "A1"): 50000, ("cpython-threads", "A1w"): 50000, ("cpython-threads", "A2"): 50000,
    ("cpython-threads", "A3"): 3000, ("cpython-threads", "A4"): 8000, ("cpython-threads", "A6"): 50000,
    ("fork", "B1"): 2000, ("fork", "B2"): 2000,
    ("java-fixed", "A4"): 15000, ("java-fjp", "A4"): 15000,
    ("mpi", "B2"): 100000,
    ("mpi4py", "B1"): 2000, ("mpi4py", "B2"): 5000, ("mpi4py", "B3"): 100000, ("mpi4py", "B5"): 30, ("mpi4py", "B6"): 2,
    ("multiprocessing", "B1"): 2000, ("multiprocessing", "B2"): 20000, ("multiprocessing", "B3"): 100000,
    ("multiprocessing", "B4"): 10, ("multiprocessing", "B4g"): 5, ("multiprocessing", "B5"): 30,
    ("multiprocessing", "B6"): 2,
    ("openmp-gcc", "A1w"): 300000,
    ("pthread", "A1"): 20000, ("pthread", "A3"): 5000,
    ("std::async", "A1"): 20000, ("std::async", "A3"): 5000,
    ("xargs", "B2"): 2000, ("xargs", "B4"): 10,
}  # fmt: skip
SMALLER_OF_32 = {
    ("openmp-gcc", "A1"): 20000, ("openmp-gcc", "A1w"): 20000, ("openmp-gcc", "A4"): 20000,
    ("apr", "A1"): 100000, ("apr", "A1w"): 100000, ("glib", "A1"): 300000, ("glib", "A1w"): 300000,
    ("libuv", "A1"): 300000, ("libuv", "A1w"): 300000,
}  # fmt: skip

# How our figure shall compare with a peer's, or with what is not the name of a peer: "" for an absolute figure, "W=2"
# for our own with two workers.
GOALS = {
    ("A1", 2): [("<=", 0.75, "java-fjp"), ("<=", 0.4, "glib")],
    ("A1", 32): [("<=", 0.9, "java-fjp"), ("<=", 1 / 30, "glib"), ("<=", 1 / 30, "libuv"), ("<=", 1.2, "W=2")],
    ("A1w", 2): [("<=", 1.0, "java-fjp")],
    ("A2", 2): [("<=", 20, "")],
    ("A3", 2): [("<=", 350, "")],
    ("A3p", 2): [("<=", 1.1, "bare-futex")],
    ("A4", 2): [("<=", 1.07, "")],
    ("A4", 32): [("<=", 1.05, "")],
    ("A5", 2): [("<=", 0.6, "java-fjp")],
    ("A6", 2): [("<=", 0.7, "java-fjp")],
    ("A6", 32): [("<=", 0.5, "java-fjp")],
    ("B1", 2): [("<=", 500, "")],
    ("B1p", 2): [("<=", 1.2, "bare-futex")],
    ("B2", 2): [("<=", 150, "")],
    ("B3", 2): [("<=", 25, "")],
    ("B4", 2): [("<=", 1.5, "")],
    ("B4g", 2): [("<=", 1.2, "bare-fork")],
    ("B5", 2): [(">=", 0.5, "bare-copy")],
    ("B6", 2): [(">=", 0.9, "bare-copy")],
    ("M", 1): [("<=", 192, "")],
}

Peer = collections.namedtuple("Peer", "name command workloads package", defaults=("",))
Job = collections.namedtuple("Job", "peer workload workers")


def our_peers(build):
    executors = os.path.join(build, "bench", "executors")
    return [
        Peer("libcf-threads", (executors, "threads"), "A1 A1w A2 A3 A3p A4 A5 A6 M"),
        Peer("libcf-processes", (executors, "processes"), "B1 B1p B2 B3 B4 B4g B5 B6 M"),
    ]


def all_peers(build):
    """Ours first.  A peer's package is Debian's; without one it needs none."""
    built = os.path.join(build, "bench", "bin")

    def program(name):
        return os.path.join(built, name)

    def script(name):
        return os.path.join(PEERS_DIR, name)

    def physics(name, workloads):
        return Peer(name, (program("physics"), name), workloads)

    def java(name, workloads):
        command = ("java", "-cp", built, "Pools", name)
        return Peer(name, command, workloads, "default-jdk-headless")

    def processes(name):
        return Peer(name, (PYTHON, script("python_processes.py"), name), "B1 B1p B2 B3 B4 B4g B5 B6", "python3")

    mpi4py = ("mpirun", "-n", "3", PYTHON, "-m", "mpi4py.futures", script("python_processes.py"), "mpi4py")
    return our_peers(build) + [
        physics("bare-spin", "A3 B1"),
        physics("bare-futex", "A3 A3p B1 B1p"),
        physics("bare-copy", "B5 B6"),
        physics("bare-fork", "B4 B4g"),
        java("java-fjp", "A1 A1w A2 A3 A3p A4 A5 A6"),
        java("java-fixed", "A1 A1w A3 A3p A4 A6"),
        Peer("glib", (program("glib"),), "A1 A1w A3 A3p A4 A6", "libglib2.0-dev"),
        Peer("libuv", (program("libuv"),), "A1 A1w A3 A3p A4 A6", "libuv1-dev"),
        Peer("apr", (program("apr"),), "A1 A1w A3 A3p A4 A6", "libaprutil1-dev"),
        Peer("tbb", (program("tbb"),), "A1 A1w A2 A3 A3p A4 A5 A6", "libtbb-dev g++"),
        Peer("openmp-gcc", (program("openmp-gcc"),), "A1 A1w A2 A3 A4 A5", "gcc"),
        Peer("openmp-clang", (program("openmp-clang"),), "A1 A1w A2 A3 A4 A5", "clang libomp-dev"),
        Peer("cpython-threads", (PYTHON, script("cpython_threads.py")), "A1 A1w A2 A3 A3p A4 A6", "python3"),
        Peer("pthread", (program("pthread"),), "A1 A3 A3p"),
        Peer("std::async", (program("async"),), "A1 A3 A3p", "g++"),
        processes("cpython-processes"),
        processes("multiprocessing"),
        Peer("mpi4py", mpi4py, "B1 B1p B2 B3 B5 B6", "python3-mpi4py openmpi-bin"),
        Peer("mpi", ("mpirun", "-n", "3", program("mpi")), "B1 B2 B3", "libopenmpi-dev openmpi-bin"),
        Peer("fork", (program("fork"),), "B1 B1p B2"),
        Peer("xargs", (script("xargs.sh"),), "B2 B4", "findutils"),
    ]


def is_ours(peer):
    return peer.name.startswith("libcf-")


def size_of(job):
    key = job.peer.name, job.workload
    size = SMALLER.get(key, SIZES[job.workload])
    return SMALLER_OF_32.get(key, size) if job.workers == 32 else size


def jobs_of(peers, workloads):
    """What is to be run, each with what it is compared with as its neighbours."""
    for workload in workloads:
        for workers in WORKERS.get(workload, (2,)):
            for peer in peers:
                # A thread for each task takes no number of workers.
                if workload in peer.workloads.split() and (workers == 2 or peer.name not in ("pthread", "std::async")):
                    yield Job(peer, workload, workers)
