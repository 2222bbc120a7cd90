"""Counts, and goes through barriers, with kazoo.

usage: value_contender.py CONNECT PATH ROUNDS KIND [MEMBERS], KIND one of kazoo, int32, double, barrier
"""
import sys

import peer


def main():
    hosts, path, rounds, kind = sys.argv[1:5]
    client = peer.connect(hosts)
    peer.say(event="ready", version=peer.version)
    peer.wait_for_go()
    if kind == "double":
        for i in range(int(rounds)):
            barrier = client.DoubleBarrier(f"{path}/{i}", int(sys.argv[5]))
            asked = peer.monotonic_ns()
            barrier.enter()
            entered = peer.monotonic_ns()
            # The first to leave deletes what lets the others enter: who tells us waits for all.
            peer.say(event="entered", round=i)
            peer.await_told()
            leaving = peer.monotonic_ns()
            barrier.leave()
            left = peer.monotonic_ns()
            peer.say(event="passed", round=i, asked=asked, entered=entered, leaving=leaving, left=left)
    elif kind == "barrier":
        client.Barrier(path).wait(60)
        peer.say(event="through", at=peer.monotonic_ns())
    else:
        # Older versions know no support_curator.
        options = {"support_curator": True} if kind == "int32" else {}
        counter = client.Counter(path, **options)
        for _ in range(int(rounds)):
            counter += 1
            # Newer versions tell the value that they wrote.
            peer.say(event="counted", value=getattr(counter, "post_value", None))
    client.stop()
    client.close()
    peer.say(event="done")


main()
