"""kazoo's recipes, asked by lines on standard input as the bench's worker is: `<workload> <operations> <in flight> <name>`,
answered by one line of JSON. Each contender is a thread with an object of its own."""
import gc
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
    return report(latencies, elapsed, cpu)


def reads(workload, index):
    if workload == "mix-90":
        return index % 10 != 0
    if workload == "mix-50":
        return index % 2 != 0
    return workload == "get"


def report(latencies, elapsed, cpu):
    latencies.sort()
    at = lambda share: latencies[int((len(latencies) - 1) * share)]
    return {"operations": len(latencies), "elapsedMs": elapsed, "cpuMs": cpu, "p50Us": at(0.5), "p99Us": at(0.99)}


def pump(client, workload, root, path, operations, in_flight):
    """One at a time synchronously; more of them by its asynchronous calls, from one thread."""
    node = root + "/node"
    data = b"x" * 128
    latencies = [0.0] * operations
    room = threading.Semaphore(in_flight)
    failures = []

    def ended(index, begun):
        def told(result):
            latencies[index] = (time.perf_counter() - begun) * 1e6
            if result.exception is not None:
                failures.append(repr(result.exception))
            room.release()

        return told

    cpu = time.process_time()
    start = time.perf_counter()
    for index in range(operations):
        room.acquire()
        begun = time.perf_counter()
        done = ended(index, begun)
        if workload == "create-delete":
            name = "%s-%d" % (path, index)
            if in_flight == 1:
                client.create(name, data)
                client.delete(name)
                latencies[index] = (time.perf_counter() - begun) * 1e6
                room.release()
            else:
                created = lambda _, name=name, done=done: client.delete_async(name).rawlink(done)
                client.create_async(name, data).rawlink(created)
        elif in_flight == 1:
            client.get(node) if reads(workload, index) else client.set(node, data)
            latencies[index] = (time.perf_counter() - begun) * 1e6
            room.release()
        elif reads(workload, index):
            client.get_async(node).rawlink(done)
        else:
            client.set_async(node, data).rawlink(done)
    for _ in range(in_flight):
        room.acquire()
    elapsed = (time.perf_counter() - start) * 1e3
    cpu = (time.process_time() - cpu) * 1e3
    return {"error": failures[0]} if failures else report(latencies, elapsed, cpu)


def session():
    client = KazooClient(hosts=sys.argv[1], timeout=30.0)
    client.start()
    return client


def watch(client, path, operations, in_flight):
    """One at a time: a new znode each time. Else all are watched, then all are set."""
    other = session()
    data = b"x" * 128
    begun = [0.0] * operations
    latencies = [0.0] * operations
    events = threading.Semaphore(0)

    def told(index):
        def event(_):
            latencies[index] = (time.perf_counter() - begun[index]) * 1e6
            events.release()

        return event

    for index in range(operations):
        name = "%s-%d" % (path, index)
        client.create(name, data)
        other.get(name, watch=told(index))
    cpu = time.process_time()
    start = time.perf_counter()
    for index in range(operations):
        begun[index] = time.perf_counter()
        client.set_async("%s-%d" % (path, index), data)
        if in_flight == 1:
            events.acquire()
    if in_flight > 1:
        for _ in range(operations):
            events.acquire()
    elapsed = (time.perf_counter() - start) * 1e3
    cpu = (time.process_time() - cpu) * 1e3
    other.stop()
    other.close()
    return report(latencies, elapsed, cpu)


def lead(path, session_timeout_ms):
    """Stands for election on a session of its own, and says when it leads."""
    client = KazooClient(hosts=sys.argv[1], timeout=session_timeout_ms / 1e3)
    client.start()
    leading = threading.Event()

    def led():
        leading.set()
        threading.Event().wait()

    threading.Thread(target=lambda: client.Election(path, "bench").run(led), daemon=True).start()
    leading.wait()
    return {"leading": True}


def settle():
    gc.collect()
    say({"settled": True})


def hold(workload, root, count):
    """Says when nothing is held yet, then, after a line, when all is; after another it ends."""
    sessions = [session()]
    settle()
    sys.stdin.readline()
    if workload == "memory-sessions":
        sessions.extend(session() for _ in range(count))
    else:
        for reply in [sessions[0].get_async("%s/watched-%d" % (root, i), watch=lambda _, i=i: None) for i in range(count)]:
            reply.get()
        reply = None
    settle()
    sys.stdin.readline()
    os._exit(0)


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
        elif workload in ("get", "set", "mix-90", "mix-50", "create-delete"):
            say(pump(client, workload, sys.argv[2], path, int(operations), int(in_flight)))
        elif workload in ("watch", "watch-all"):
            say(watch(client, path, int(operations), int(in_flight)))
        elif workload == "lead":
            say(lead(path, int(operations)))
        elif workload.startswith("memory-"):
            hold(workload, sys.argv[2], int(operations))
        else:
            say(run(client, workload, path, int(operations), int(in_flight)))
    client.stop()


main()
