"""What the kazoo peers share: lines of JSON for the driver, and an end with it.

The driver holds our standard input open. A line on it says "go"; its end says that the driver is gone, and then this
process goes too, whatever it is waiting for.
"""
import json
import os
import sys
import threading
import time

import kazoo
from kazoo.client import KazooClient

_told = threading.Semaphore(0)


def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _listen():
    for _ in sys.stdin:
        _told.release()
    os._exit(2)


def wait_for_go():
    await_told()


def await_told():
    """Until the driver has written one more line."""
    _told.acquire()


def monotonic_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def connect(hosts, **options):
    client = KazooClient(hosts=hosts, timeout=10.0, **options)
    client.start(timeout=20)
    return client


threading.Thread(target=_listen, daemon=True).start()
version = kazoo.__version__
