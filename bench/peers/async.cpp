/* SPDX-License-Identifier: MIT */
/* async - std::async(), which in libstdc++ starts a thread for each task; at most 1,000 at a time. */
#include "drive.h"
#include <algorithm>
#include <future>
#include <vector>

static void
run_window(struct drive_task *tasks, size_t n)
{
    std::vector<std::future<void>> futures;

    futures.reserve(n);
    for (size_t i = 0; i < n; i++)
        futures.push_back(std::async(std::launch::async, drive_run, &tasks[i]));
    for (auto &future : futures)
        future.get();
}

static void
run(struct drive_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i += 1000)
        run_window(&tasks[i], std::min<size_t>(n - i, 1000));
}

static void
start(unsigned)
{
}

int
main(int argc, char **argv)
{
    static const drive_peer peer = { "std::async", start, run, nullptr };

    return drive_main(&peer, argc, argv);
}
