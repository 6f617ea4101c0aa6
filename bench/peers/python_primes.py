#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our prime checkers as Python has them: python_primes.py sequential|threads|procs WORKERS [NUMBER]..."""

import math
import os
import sys
import time
from concurrent import futures

NUMBERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "numbers.txt")


def is_prime(n):
    if n < 2 or (n % 2 == 0 and n != 2):
        return False
    for divisor in range(3, math.isqrt(n) + 1, 2):
        if n % divisor == 0:
            return False
    return True


def check(n):
    start = time.perf_counter()
    prime = is_prime(n)
    return n, prime, time.perf_counter() - start


def sequential(numbers, workers):
    return map(check, numbers)


def threads(numbers, workers):
    with futures.ThreadPoolExecutor(max_workers=workers) as executor:
        yield from executor.map(check, numbers)


def procs(numbers, workers):
    with futures.ProcessPoolExecutor(max_workers=workers) as executor:
        yield from executor.map(check, numbers)


CHECK_MANY = {"sequential": sequential, "threads": threads, "procs": procs}


def main(how, workers, *numbers):
    if not numbers:
        with open(NUMBERS) as file:
            numbers = file.read().split()
    largest_first = sorted(map(int, numbers), reverse=True)
    for n, prime, seconds in CHECK_MANY[how](largest_first, int(workers)):
        print(f"{n:16} {'P' if prime else ' '} {seconds:9.6f}s")


if __name__ == "__main__":
    main(sys.argv[1], *sys.argv[2:])
