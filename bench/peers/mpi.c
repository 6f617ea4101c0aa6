/* SPDX-License-Identifier: MIT */
/*
 * mpi - a farm of tasks in bare MPI, the limit of a pool that stands on it: mpirun -n WORKERS+1 mpi B1|B2|B3 WORKERS N.
 * In B2 each worker has up to eight messages of one task in flight, in B3 of 100 items.
 */
#include "../measure.h"
#include <mpi.h>
#include <string.h>

enum { AHEAD = 8, CHUNK = 100 };

struct message {
    uint64_t first; /* in the answer: the sum of the results */
    uint64_t count; /* 0: there are no more */
    char padding[48];
};

static void
transmit(struct message *message, int rank)
{
    MPI_Send(message, sizeof *message, MPI_BYTE, rank, 0, MPI_COMM_WORLD);
}

/* Return who has sent it. */
static int
receive(struct message *message, int rank)
{
    MPI_Status status;

    MPI_Recv(message, sizeof *message, MPI_BYTE, rank, 0, MPI_COMM_WORLD, &status);
    return status.MPI_SOURCE;
}

static void
work(void)
{
    struct message message;

    for (receive(&message, 0); message.count > 0; receive(&message, 0)) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < message.count; i++)
            sum += message.first + i + 1;
        message.first = sum;
        transmit(&message, 0);
    }
}

static double
round_trip(size_t n)
{
    uint64_t *times = measure_bytes(n * sizeof *times, 0);

    for (size_t i = 0; i < n; i++) {
        struct message message = { .first = i, .count = 1 };
        uint64_t start = measure_now();
        transmit(&message, 1);
        receive(&message, 1);
        times[i] = measure_now() - start;
        if (message.first != i + 1)
            measure_fail("a wrong result");
    }
    return measure_median(times, n);
}

/* Send the next of the n items; return whether there was one. */
static int
send_next(uint64_t *sent, size_t n, size_t chunk, int rank)
{
    struct message message = { .first = *sent, .count = n - *sent < chunk ? n - *sent : chunk };

    if (message.count == 0)
        return 0;
    *sent += message.count;
    transmit(&message, rank);
    return 1;
}

static double
throughput(unsigned workers, size_t n, size_t chunk)
{
    uint64_t sent = 0, sum = 0;
    size_t in_flight = 0;

    uint64_t start = measure_now();
    for (int i = 0; i < AHEAD; i++)
        for (unsigned worker = 1; worker <= workers; worker++)
            in_flight += (size_t)send_next(&sent, n, chunk, (int)worker);
    while (in_flight > 0) {
        struct message message;
        int worker = receive(&message, MPI_ANY_SOURCE);
        sum += message.first;
        in_flight = in_flight - 1 + (size_t)send_next(&sent, n, chunk, worker);
    }
    uint64_t elapsed = measure_now() - start;
    if (sum != (uint64_t)n * (n + 1) / 2)
        measure_fail("a wrong sum");
    return (double)elapsed / (double)n;
}

static void
farm(const char *workload, unsigned workers, size_t n)
{
    struct message end = { .count = 0 };

    if (strcmp(workload, "B1") == 0)
        measure_print("mpi", workload, workers, round_trip(n), "ns");
    else if (strcmp(workload, "B2") == 0)
        measure_print("mpi", workload, workers, throughput(workers, n, 1), "ns/task");
    else
        measure_print("mpi", workload, workers, throughput(workers, n, CHUNK), "ns/item");
    for (unsigned worker = 1; worker <= workers; worker++)
        transmit(&end, (int)worker);
}

int
main(int argc, char **argv)
{
    int rank, ranks;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc != 4 || ranks != (int)measure_number(argv[2]) + 1)
        measure_fail("usage: mpirun -n WORKERS+1 mpi B1|B2|B3 WORKERS N");
    if (rank == 0)
        farm(argv[1], (unsigned)ranks - 1, measure_number(argv[3]));
    else
        work();
    MPI_Finalize();
    return 0;
}
