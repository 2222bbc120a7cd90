"""Takes a permit of kazoo's Semaphore again and again, and tells when it held it.

usage: semaphore_contender.py CONNECT PATH ROUNDS PERMITS
"""
import sys
import time

import peer


def main():
    hosts, path, rounds, permits = sys.argv[1:]
    client = peer.connect(hosts)
    semaphore = client.Semaphore(path, "kazoo", max_leases=int(permits))
    peer.say(event="ready", version=peer.version)
    peer.wait_for_go()
    for _ in range(int(rounds)):
        with semaphore:
            start = peer.monotonic_ns()
            # Long enough for others to come in between, if they are let.
            time.sleep(0.002)
            end = peer.monotonic_ns()
        peer.say(event="held", permits=1, start=start, end=end)
    client.stop()
    client.close()
    peer.say(event="done")


main()
