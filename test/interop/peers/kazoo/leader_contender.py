"""Leads again and again by kazoo's Election, and increments an unprotected counter in a plain file each time.

usage: leader_contender.py CONNECT PATH FILE INCREMENTS
"""
import sys
import time

import peer


def lead(file):
    start = peer.monotonic_ns()
    with open(file) as counter:
        value = int(counter.read())
    # Long enough for another one to come in between, if it could.
    time.sleep(0.0003)
    with open(file, "w") as counter:
        counter.write(str(value + 1))
    peer.say(event="held", start=start, end=peer.monotonic_ns())


def main():
    hosts, path, file, increments = sys.argv[1:]
    client = peer.connect(hosts)
    election = client.Election(path, "kazoo")
    peer.say(event="ready", version=peer.version)
    peer.wait_for_go()
    for _ in range(int(increments)):
        election.run(lead, file)
    client.stop()
    client.close()
    peer.say(event="done")


main()
