/* SPDX-License-Identifier: MIT */
/*
 * Pools - the pools of java.util.concurrent, which concurrent.futures was modelled on.
 *
 * Pools java-fixed|java-fjp WORKLOAD WORKERS N.  Each workload runs eight times in the same machine, whose compiler is
 * done after the first three; the median of the other five counts.
 */

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RecursiveTask;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

public class Pools {
    static final int ROUNDS = 8, WARM_UP = 3, WINDOW = 1000, PAUSE_NS = 200000;

    /* What is stored here the compiler may not leave out. */
    static volatile long sink;

    final ExecutorService pool;
    final int workers, n;

    Pools(ExecutorService pool, int workers, int n) {
        this.pool = pool;
        this.workers = workers;
        this.n = n;
    }

    /* Submit the tasks from first to end and collect them; return the sum of their results. */
    long roundOf(List<Future<Long>> futures, int first, int end) throws Exception {
        long sum = 0;

        futures.clear();
        for (int i = first; i < end; i++) {
            final long x = i;
            futures.add(pool.submit(() -> x + 1));
        }
        for (Future<Long> future : futures)
            sum += future.get();
        return sum;
    }

    static void check(long sum, long n) {
        if (sum != n * (n + 1) / 2)
            throw new IllegalStateException("a wrong sum");
    }

    double throughput(int window) throws Exception {
        List<Future<Long>> futures = new ArrayList<>(window);
        long sum = 0;

        long start = System.nanoTime();
        for (int i = 0; i < n; i += window)
            sum += roundOf(futures, i, Math.min(n, i + window));
        long elapsed = System.nanoTime() - start;
        check(sum, n);
        return (double) elapsed / n;
    }

    double map() throws Exception {
        long[] squares = new long[n];

        long start = System.nanoTime();
        pool.submit(() -> IntStream.range(0, n).parallel().forEach(i -> squares[i] = (long) i * i + 1)).get();
        long elapsed = System.nanoTime() - start;
        sink = squares[n - 1];
        return (double) elapsed / n;
    }

    double roundTrip(boolean parked) throws Exception {
        long[] times = new long[n];

        for (int i = 0; i < n; i++) {
            final long x = i;
            if (parked)
                LockSupport.parkNanos(PAUSE_NS);
            long start = System.nanoTime();
            sink = pool.submit(() -> x + 1).get();
            times[i] = System.nanoTime() - start;
        }
        Arrays.sort(times);
        return times[n / 2];
    }

    static int busy(int steps) {
        long x = steps | 1;

        for (int i = 0; i < steps; i++) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
        }
        return (int) x;
    }

    /* The steps of n pieces of work of 5 to 15 microseconds. */
    int[] works() {
        final int steps = 20000000;
        int[] works = new int[n];
        Random random = new Random(1);

        sink = busy(steps);
        long start = System.nanoTime();
        sink = busy(steps);
        double speed = steps * 1000.0 / (System.nanoTime() - start);
        for (int i = 0; i < n; i++)
            works[i] = (int) ((5 + 10 * random.nextDouble()) * speed);
        return works;
    }

    double serial(int[] works) {
        long start = System.nanoTime();

        for (int work : works)
            sink = busy(work);
        return System.nanoTime() - start;
    }

    double asCompleted() throws Exception {
        int[] works = works();
        double serial = serial(works);
        var completed = new ExecutorCompletionService<Integer>(pool);

        long start = System.nanoTime();
        for (int work : works)
            completed.submit(() -> busy(work));
        for (int i = 0; i < n; i++)
            sink = completed.take().get();
        long elapsed = System.nanoTime() - start;
        return elapsed / (serial / Math.min(workers, Runtime.getRuntime().availableProcessors()));
    }

    @SuppressWarnings("serial")
    static class Fib extends RecursiveTask<Long> {
        final int n;

        Fib(int n) {
            this.n = n;
        }

        @Override
        protected Long compute() {
            if (n < 2)
                return (long) n;
            Fib first = new Fib(n - 1);
            first.fork();
            long second = new Fib(n - 2).compute();
            return first.join() + second;
        }
    }

    double nested() {
        long start = System.nanoTime();

        sink = ((ForkJoinPool) pool).invoke(new Fib(n));
        return (System.nanoTime() - start) / 1e6;
    }

    void submitAndCollect() {
        try {
            check(roundOf(new ArrayList<>(n / 4), 0, n / 4), n / 4);
        } catch (Exception exception) {
            throw new IllegalStateException(exception);
        }
    }

    double fromOutside() throws Exception {
        Thread[] threads = new Thread[4];

        long start = System.nanoTime();
        for (int i = 0; i < 4; i++) {
            threads[i] = new Thread(this::submitAndCollect);
            threads[i].start();
        }
        for (Thread thread : threads)
            thread.join();
        return (double) (System.nanoTime() - start) / (n / 4 * 4);
    }

    double measure(String workload) throws Exception {
        switch (workload) {
        case "A1":
            return throughput(n);
        case "A1w":
            return throughput(WINDOW);
        case "A2":
            return map();
        case "A3":
            return roundTrip(false);
        case "A3p":
            return roundTrip(true);
        case "A4":
            return asCompleted();
        case "A5":
            return nested();
        case "A6":
            return fromOutside();
        default:
            throw new IllegalArgumentException("no such workload");
        }
    }

    static String unitOf(String workload) {
        switch (workload) {
        case "A2":
            return "ns/item";
        case "A3":
        case "A3p":
            return "ns";
        case "A4":
            return "x ideal";
        case "A5":
            return "ms";
        default:
            return "ns/task";
        }
    }

    public static void main(String[] args) throws Exception {
        String peer = args[0], workload = args[1];
        int workers = Integer.parseInt(args[2]), n = Integer.parseInt(args[3]);
        boolean forkJoin = peer.equals("java-fjp");
        ExecutorService pool = forkJoin ? new ForkJoinPool(workers) : Executors.newFixedThreadPool(workers);
        Pools pools = new Pools(pool, workers, n);
        double[] figures = new double[ROUNDS];

        for (int i = 0; i < ROUNDS; i++)
            figures[i] = pools.measure(workload);
        Arrays.sort(figures, WARM_UP, ROUNDS);
        double median = figures[WARM_UP + (ROUNDS - WARM_UP) / 2];
        System.out.printf(Locale.ROOT, "%s\t%s\t%d\t%.3f\t%s%n", peer, workload, workers, median, unitOf(workload));
        pool.shutdown();
    }
}
