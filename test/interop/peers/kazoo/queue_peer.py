"""Puts items into kazoo's LockingQueue or Queue, and takes what is there until nothing comes for a while.

usage: queue_peer.py CONNECT PATH KIND PUTS IDLE_S, where KIND is locking or plain, and an IDLE_S of 0 is for one that only puts
"""
import json
import sys
import time

import peer


def main():
    hosts, path, kind, puts, idle = sys.argv[1:]
    client = peer.connect(hosts)
    locking = kind == "locking"
    queue = client.LockingQueue(path) if locking else client.Queue(path)
    peer.say(event="ready", version=peer.version)
    peer.wait_for_go()
    for i in range(int(puts)):
        queue.put(json.dumps("kazoo-%d" % i).encode())
    last = time.monotonic()
    while time.monotonic() - last < float(idle):
        data = queue.get(timeout=0.2) if locking else queue.get()
        if data is None:
            time.sleep(0.02)
            continue
        if locking and not queue.consume():
            continue
        peer.say(event="took", item=json.loads(data.decode()))
        last = time.monotonic()
    client.stop()
    client.close()
    peer.say(event="done")


main()
