"""kazoo's Lock, or Semaphore with 4 leases, asked by lines on standard input as the bench's worker is: `<workload> <operations> <contenders>`,
answered by one line of JSON. Each contender is a thread with an object of its own."""
import json
import logging
import os
import sys
import threading
import time

from kazoo.client import KazooClient

logging.basicConfig(level=logging.ERROR)


def run(client, workload, path, operations, contenders):
    latencies = [0.0] * operations
    indexes = iter(range(operations))
    guard = threading.Lock()
    failures = []

    def contend():
        semaphores = workload == "semaphore"
        lock = client.Semaphore(path, "bench", 4) if semaphores else client.Lock(path, "bench")
        while True:
            with guard:
                index = next(indexes, None)
            if index is None:
                return
            begun = time.perf_counter()
            try:
                lock.acquire()
                lock.release()
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
    print(json.dumps({"ready": True}), flush=True)
    for number, line in enumerate(sys.stdin):
        workload, operations, contenders = line.split()
        path = "%s/kazoo-%d-%d" % (sys.argv[2], os.getpid(), number)
        print(json.dumps(run(client, workload, path, int(operations), int(contenders))), flush=True)
    client.stop()


main()
