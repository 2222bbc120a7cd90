"""Reads and writes under kazoo's ReadLock and WriteLock, and tells when it held what.

Older kazoo readers also wait for writers that queued behind them, who wait for them (kazoo #649): then it only writes.

usage: read_write_contender.py CONNECT PATH ROUNDS
"""
import sys
import threading
import time

import peer


def reads(hosts, path):
    """Whether a reader is let in though a writer is queued behind it."""
    first, second = peer.connect(hosts), peer.connect(hosts)
    path += "-probe-%d" % peer.monotonic_ns()
    writer = first.WriteLock(path)
    reader, behind = second.ReadLock(path), first.WriteLock(path)
    writer.acquire()
    trying = [
        threading.Thread(target=lock.acquire, kwargs={"timeout": 2}, daemon=True) for lock in (reader, behind)
    ]
    for count, thread in enumerate(trying):
        thread.start()
        while len(first.get_children(path)) < count + 2:
            time.sleep(0.01)
    writer.release()
    trying[0].join(1)
    is_let_in = reader.is_acquired
    first.delete(path, recursive=True)
    for client in (first, second):
        client.stop()
        client.close()
    return is_let_in


def hold(kind, path):
    start = peer.monotonic_ns()
    # Long enough for another one to come in between, if the lock let it.
    time.sleep(0.0003)
    peer.say(event="held", kind=kind, path=path, start=start, end=peer.monotonic_ns(), downgraded=False)


def main():
    hosts, path, rounds = sys.argv[1:]
    may_read = reads(hosts, path)
    client = peer.connect(hosts)
    locks = {"read": client.ReadLock(path, "kazoo"), "write": client.WriteLock(path, "kazoo")}
    peer.say(event="ready", version=peer.version, downgrades=False, reads=may_read)
    peer.wait_for_go()
    for i in range(int(rounds)):
        kind = "read" if i % 4 < 2 and may_read else "write"
        with locks[kind]:
            hold(kind, path)
    client.stop()
    client.close()
    peer.say(event="done")


main()
