#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our downloaders as Python has them: python_flags.py sequential|threadpool|asCompleted WORKERS COUNT URL FOLDER."""

import os
import sys
import urllib.request
from concurrent import futures

CODES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "country_codes.txt")


def download_one(cc):
    """Download one flag and save it; the result is its size in bytes."""
    with urllib.request.urlopen(f"{URL}/{cc}/{cc}.png".lower()) as response:
        image = response.read()
    with open(os.path.join(FOLDER, f"{cc}.png"), "wb") as file:
        return file.write(image)


def sequential(codes, workers):
    return [download_one(cc) for cc in codes]


def threadpool(codes, workers):
    with futures.ThreadPoolExecutor(max_workers=workers) as executor:
        return list(executor.map(download_one, codes))


def as_completed(codes, workers):
    with futures.ThreadPoolExecutor(max_workers=workers) as executor:
        to_do = [executor.submit(download_one, cc) for cc in codes]
        return [future.result() for future in futures.as_completed(to_do)]


DOWNLOAD_MANY = {"sequential": sequential, "threadpool": threadpool, "asCompleted": as_completed}

if __name__ == "__main__":
    how, workers, count, URL, FOLDER = sys.argv[1:]
    os.makedirs(FOLDER, exist_ok=True)
    with open(CODES) as file:
        codes = file.read().split()[: int(count)]
    sizes = DOWNLOAD_MANY[how](codes, int(workers))
    print(f"{len(sizes)} flags downloaded, {sum(sizes)} bytes.")
