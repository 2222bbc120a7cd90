"""Contends for a lock and increments an unprotected counter in a plain file each time it holds it.

usage: contender.py CONNECT PATH FILE INCREMENTS DIALECT

DIALECT kazoo is kazoo's Lock unchanged. DIALECT curator is a subclass whose names Curator orders by what follows
"-lock-", and which takes Curator's names for contenders.
"""
import sys
import time

from kazoo.recipe.lock import Lock

import peer


class LockForCurator(Lock):
    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]

    def __init__(self, client, path, identifier=None):
        super().__init__(client, path, identifier, extra_lock_patterns=["-lock-"])


def increment(file):
    with open(file) as counter:
        value = int(counter.read())
    # Long enough for another one to come in between, if the lock let it.
    time.sleep(0.0003)
    with open(file, "w") as counter:
        counter.write(str(value + 1))


def main():
    hosts, path, file, increments, dialect = sys.argv[1:]
    client = peer.connect(hosts)
    make = LockForCurator if dialect == "curator" else Lock
    lock = make(client, path, "kazoo")
    peer.say(event="ready", version=peer.version)
    peer.wait_for_go()
    for _ in range(int(increments)):
        with lock:
            start = peer.monotonic_ns()
            increment(file)
            end = peer.monotonic_ns()
        peer.say(event="held", start=start, end=end)
    client.stop()
    client.close()
    peer.say(event="done")


main()
