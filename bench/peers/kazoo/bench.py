"""kazoo's recipes, asked by lines on standard input as the bench's worker is: `<workload> <operations> <in flight> <name>`,
answered by one line of JSON. Each contender is a thread with an object of its own."""
import json
import logging
import os
import sys
import threading
import time

from kazoo.client import KazooClient

logging.basicConfig(level=logging.ERROR)


def operation_of(client, workload, path):
    if workload == "queue-put":
        queue = client.LockingQueue(path)
        return lambda: queue.put(b"x" * 128)
    if workload == "counter":
        counter = client.Counter(path)
        return lambda: counter.__add__(1)
    lock = client.Semaphore(path, "bench", 4) if workload == "semaphore" else client.Lock(path, "bench")

    def cycle():
        lock.acquire()
        lock.release()

    return cycle


def say(value):
    print(json.dumps(value), flush=True)


def take(client, path, takers, stopping):
    """Says how many were taken and consumed so far until a line says stop."""
    acked = 0
    guard = threading.Lock()
    stopped = threading.Event()

    def consume():
        nonlocal acked
        queue = client.LockingQueue(path)
        while not stopped.is_set():
            if queue.get(timeout=1) is not None and queue.consume():
                with guard:
                    acked += 1
                    say({"acked": acked})

    cpu = time.process_time()
    threads = [threading.Thread(target=consume) for _ in range(takers)]
    for thread in threads:
        thread.start()
    say({"acked": 0})
    stopping()
    stopped.set()
    for thread in threads:
        thread.join()
    return {"stopped": True, "acked": acked, "cpuMs": (time.process_time() - cpu) * 1e3}


def run(client, workload, path, operations, contenders):
    latencies = [0.0] * operations
    indexes = iter(range(operations))
    guard = threading.Lock()
    failures = []

    def contend():
        operation = operation_of(client, workload, path)
        while True:
            with guard:
                index = next(indexes, None)
            if index is None:
                return
            begun = time.perf_counter()
            try:
                operation()
            except Exception as error:
                failures.append(repr(error))
                return
            latencies[index] = (time.perf_counter() - begun) * 1e6

    cpu = time.process_time()
    start = time.perf_counter()
    threads = [threading.Thread(target=contend) for _ in range(contenders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = (time.perf_counter() - start) * 1e3
    cpu = (time.process_time() - cpu) * 1e3
    if failures:
        return {"error": failures[0]}
    latencies.sort()
    at = lambda share: latencies[int((operations - 1) * share)]
    return {"operations": operations, "elapsedMs": elapsed, "cpuMs": cpu, "p50Us": at(0.5), "p99Us": at(0.99)}


def main():
    client = KazooClient(hosts=sys.argv[1], timeout=30.0)
    client.start()
    say({"ready": True})
    for line in iter(sys.stdin.readline, ""):
        workload, operations, in_flight, name = line.split()
        path = "%s/kazoo-%s" % (sys.argv[2], name)
        if workload == "queue-take":
            # More threads in one process only fight for the head of the queue: see docs/benchmarks.md.
            takers = int(os.environ.get("KAZOO_TAKERS") or 1)
            say(take(client, path, takers, sys.stdin.readline))
        else:
            say(run(client, workload, path, int(operations), int(in_flight)))
    client.stop()


main()
