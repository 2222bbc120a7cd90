"""Acquires and releases kazoo's Lock again and again under faults, and says what it believes.

usage: tortured.py CONNECT ROOT KEYS SESSION_MS LIMIT_MS

It takes `go`, `pause` (answered by `idle` when nothing of it is under way) and `stop` on its standard input. A careful
user: each acquire has a limit, and belief ends as soon as kazoo says SUSPENDED or LOST.
"""
import json
import os
import random
import sys
import threading
import time

import kazoo
from kazoo.client import KazooClient
from kazoo.exceptions import LockTimeout

_out = threading.Lock()
_running = threading.Event()
_stop = threading.Event()
_idle = threading.Event()


def say(**fields):
    fields["t"] = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    with _out:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def _listen():
    for line in sys.stdin:
        word = line.strip()
        if word == "go":
            _running.set()
        elif word == "pause":
            _running.clear()
        elif word == "stop":
            _stop.set()
            _running.set()
    if not _stop.is_set():
        os._exit(2)


class Belief:
    def __init__(self, id):
        self.id = id
        self.ended = False
        self.lock = threading.Lock()

    def end(self, how):
        with self.lock:
            if self.ended:
                return
            self.ended = True
            say(event="end", id=self.id, how=how)


def main():
    hosts, root, keys, session_ms, limit_ms = sys.argv[1:]
    threading.Thread(target=_listen, daemon=True).start()
    client = KazooClient(hosts=hosts, timeout=int(session_ms) / 1000, command_retry={"max_tries": 5})
    current = [None]

    def on_state(state):
        belief = current[0]
        if state != "CONNECTED" and belief is not None:
            belief.end("lost")
        if state == "CONNECTED":
            id, password = client.client_id
            # kazoo has it signed.
            say(event="session", id=str(id), password=password.hex())

    client.add_listener(on_state)
    client.start(timeout=20)
    say(event="ready", version=kazoo.__version__)
    number = 0
    while not _stop.is_set():
        if not _running.is_set():
            say(event="idle")
            _running.wait()
            continue
        number += 1
        id = "%d:%d" % (os.getpid(), number)
        path = "%s/%d" % (root, random.randrange(int(keys)))
        lock = client.Lock(path, "kazoo")
        say(event="ask", id=id)
        belief = Belief(id)
        try:
            lock.acquire(timeout=int(limit_ms) / 1000)
        except LockTimeout:
            say(event="fail", id=id, during="acquire", code="TIMEOUT")
            continue
        except Exception as error:
            say(event="fail", id=id, during="acquire", code=type(error).__name__)
            continue
        session = client.client_id
        current[0] = belief
        say(event="grant", id=id, path=path, session=str(session[0]))
        if client.state != "CONNECTED":
            belief.end("lost")
        time.sleep(random.random() * 0.01 if random.random() < 0.97 else random.random())
        # After the session is another one, this should not claim to be held.
        if client.client_id != session and client.state == "CONNECTED" and lock.is_acquired:
            say(event="stale", id=id)
        belief.end("release")
        current[0] = None
        try:
            lock.release()
        except Exception as error:
            say(event="fail", id=id, during="release", code=type(error).__name__)
        say(event="released", id=id)
    client.stop()
    client.close()
    say(event="done")


main()
