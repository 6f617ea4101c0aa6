/* SPDX-License-Identifier: MIT */
/*
 * tbb - oneTBB: futures by task_arena::enqueue() and std::packaged_task, parallel_for and task_group.  A future of C++
 * does not tell which is done first, so A4 waits for them in order.
 */
#include "drive.h"
#include <future>
#include <memory>
#include <optional>
#include <tbb/tbb.h>
#include <vector>

static std::optional<tbb::global_control> limit;

/* The thread that submits has a place in the arena; in one of the two it is one of the workers, who helps. */
static tbb::task_arena outside, inside;

static void
run(struct drive_task *tasks, size_t n)
{
    std::vector<std::future<void>> futures;

    futures.reserve(n);
    for (size_t i = 0; i < n; i++) {
        auto call = std::make_shared<std::packaged_task<void()>>([task = &tasks[i]] { drive_run(task); });
        futures.push_back(call->get_future());
        outside.enqueue([call] { (*call)(); });
    }
    for (auto &future : futures)
        future.get();
}

static void
start(unsigned workers)
{
    std::vector<drive_task> tasks(100);

    limit.emplace(tbb::global_control::max_allowed_parallelism, workers + 1);
    outside.initialize((int)workers + 1, 1);
    inside.initialize((int)workers, 1);
    run(tasks.data(), tasks.size());
}

static double
map(unsigned, size_t n)
{
    std::vector<uint64_t> squares(n, 1);

    uint64_t start_time = measure_now();
    inside.execute([&] { tbb::parallel_for((size_t)0, n, [&](size_t i) { squares[i] = (uint64_t)i * i + 1; }); });
    uint64_t elapsed = measure_now() - start_time;
    if (squares[n - 1] != (uint64_t)(n - 1) * (n - 1) + 1)
        measure_fail("a wrong square");
    return (double)elapsed / (double)n;
}

static uint64_t
fib(size_t n)
{
    tbb::task_group group;
    uint64_t first, second;

    if (n < 2)
        return n;
    group.run([&first, n] { first = fib(n - 1); });
    second = fib(n - 2);
    group.wait();
    return first + second;
}

static double
nested(unsigned, size_t n)
{
    uint64_t result = 0;

    uint64_t start_time = measure_now();
    inside.execute([&] { result = fib(n); });
    uint64_t elapsed = measure_now() - start_time;
    if (result != drive_fib(n))
        measure_fail("a wrong Fibonacci number");
    return (double)elapsed / 1e6;
}

int
main(int argc, char **argv)
{
    static const drive_extra extras[] = { { "A2", "ns/item", map }, { "A5", "ms", nested }, {} };
    static const drive_peer peer = { "tbb", start, run, extras };

    return drive_main(&peer, argc, argv);
}
