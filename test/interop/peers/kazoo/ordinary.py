"""A kazoo client's ordinary work, each piece checked and reported by name.

Where one client looks at what another did it calls sync first: they may be connected to different servers.

usage: ordinary.py CONNECT
"""
import queue
import sys
import threading
import traceback
import uuid

from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.partitioner import SetPartitioner
from kazoo.security import make_digest_acl

import peer

WAIT = 20
hosts = sys.argv[1]
checks = []


def check(function):
    checks.append(function)
    return function


def raises(error, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error:
        return
    raise AssertionError("%s did not raise %s" % (function, error))


def together(*functions):
    """Runs all at once, in threads; what one raises is raised here."""
    failures = []

    def run(function):
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "one waits for ever"
    if failures:
        raise failures[0]


@check
def create_get_set_delete(zk, base):
    assert zk.create(base + "/a", b"one") == base + "/a"
    data, stat = zk.get(base + "/a")
    assert data == b"one" and stat.version == 0 and stat.dataLength == 3
    assert zk.set(base + "/a", b"two", version=0).version == 1
    raises(BadVersionError, zk.set, base + "/a", b"x", version=0)
    raises(NodeExistsError, zk.create, base + "/a")
    zk.create(base + "/a/b")
    raises(NotEmptyError, zk.delete, base + "/a")
    zk.delete(base + "/a", recursive=True)
    assert zk.exists(base + "/a") is None
    raises(NoNodeError, zk.get, base + "/a")


@check
def create_with_parents_and_stat(zk, base):
    path, stat = zk.create(base + "/x/y/z", b"deep", makepath=True, include_data=True)
    assert path == base + "/x/y/z" and stat.dataLength == 4
    children, stat = zk.get_children(base + "/x", include_data=True)
    assert children == ["y"] and stat.numChildren == 1
    assert zk.ensure_path(base + "/x/y/z")


@check
def sequences_and_ephemerals(zk, base):
    first = zk.create(base + "/s-", sequence=True)
    second = zk.create(base + "/s-", sequence=True, ephemeral=True)
    assert first.endswith("0000000000") and second.endswith("0000000001")
    assert zk.exists(second).ephemeralOwner == zk.client_id[0]
    other = peer.connect(hosts)
    gone = threading.Event()
    other.create(base + "/mine", ephemeral=True)
    zk.sync(base)
    assert zk.exists(base + "/mine", watch=lambda event: gone.set())
    other.stop()
    assert gone.wait(WAIT)


@check
def watches(zk, base):
    events = queue.Queue()
    zk.exists(base + "/w", watch=events.put)
    zk.create(base + "/w", b"1")
    assert events.get(timeout=WAIT).type == "CREATED"
    zk.get(base + "/w", watch=events.put)
    zk.set(base + "/w", b"2")
    assert events.get(timeout=WAIT).type == "CHANGED"
    zk.get_children(base + "/w", watch=events.put)
    zk.create(base + "/w/c")
    assert events.get(timeout=WAIT).type == "CHILD"
    zk.get(base + "/w/c", watch=events.put)
    zk.delete(base + "/w/c")
    assert events.get(timeout=WAIT).type == "DELETED"
    assert events.empty()


@check
def data_and_children_watchers(zk, base):
    values = queue.Queue()
    names = queue.Queue()
    zk.ensure_path(base + "/d")
    zk.DataWatch(base + "/d", lambda data, stat: values.put(data))
    zk.ChildrenWatch(base + "/d", lambda children: names.put(sorted(children)))
    assert values.get(timeout=WAIT) == b"" and names.get(timeout=WAIT) == []
    zk.set(base + "/d", b"new")
    assert values.get(timeout=WAIT) == b"new"
    zk.create(base + "/d/one")
    assert names.get(timeout=WAIT) == ["one"]
    zk.delete(base + "/d/one")
    assert names.get(timeout=WAIT) == []


@check
def transactions(zk, base):
    zk.create(base + "/t", b"")
    with zk.transaction() as transaction:
        transaction.check(base + "/t", version=0)
        transaction.create(base + "/t/a", b"1")
        transaction.set_data(base + "/t", b"2")
    assert zk.get(base + "/t/a")[0] == b"1" and zk.get(base + "/t")[0] == b"2"
    transaction = zk.transaction()
    transaction.create(base + "/t/b")
    transaction.delete(base + "/t/missing")
    transaction.set_data(base + "/t", b"3")
    kinds = [type(result) for result in transaction.commit()]
    assert kinds == [RolledBackError, NoNodeError, RuntimeInconsistency], kinds
    assert zk.exists(base + "/t/b") is None


@check
def acls(zk, base):
    owner = peer.connect(hosts, auth_data=[("digest", "bob:secret")])
    acl = [make_digest_acl("bob", "secret", all=True)]
    owner.create(base + "/acl", b"private", acl=acl)
    zk.sync(base)
    raises(NoAuthError, zk.get, base + "/acl")
    raises(NoAuthError, zk.set_acls, base + "/acl", acl)
    assert owner.get(base + "/acl")[0] == b"private"
    assert owner.get_acls(base + "/acl")[0] == acl
    late = peer.connect(hosts)
    late.add_auth("digest", "bob:secret")
    late.sync(base)
    assert late.get(base + "/acl")[0] == b"private"
    late.delete(base + "/acl")
    for client in (owner, late):
        client.stop()
        client.close()


@check
def asynchronous_calls_in_order(zk, base):
    created = [zk.create_async(base + "/n%d" % index) for index in range(200)]
    listed = zk.get_children_async(base)
    for result in created:
        result.get(timeout=WAIT)
    assert len(listed.get(timeout=WAIT)) == 200


@check
def sync_and_chroot(zk, base):
    assert zk.sync(base) == base
    inside = peer.connect(hosts + base)
    inside.create("/inner", b"x")
    zk.sync(base)
    assert zk.get(base + "/inner")[0] == b"x"
    inside.stop()


@check
def session_ends_by_reattaching(zk, base):
    victim = peer.connect(hosts)
    lost = threading.Event()
    victim.add_listener(lambda state: lost.set() if state == "LOST" else None)
    victim.create(base + "/of-victim", ephemeral=True)
    killer = peer.connect(hosts, client_id=victim.client_id)
    killer.stop()
    assert lost.wait(WAIT)
    zk.sync(base)
    assert zk.exists(base + "/of-victim") is None
    victim.stop()


@check
def lock(zk, base):
    inside = []

    def hold():
        client = peer.connect(hosts)
        lock = client.Lock(base + "/lock", "someone")
        for _ in range(10):
            with lock:
                inside.append(1)
                assert len(inside) == 1
                inside.pop()
        client.stop()

    together(hold, hold, hold)
    first, second = zk.Lock(base + "/lock", "first"), zk.Lock(base + "/lock", "second")
    assert first.acquire() and not second.acquire(blocking=False)
    assert second.contenders() == ["first"]
    first.release()


@check
def read_and_write_locks(zk, base):
    reader, other = zk.ReadLock(base + "/rw"), zk.ReadLock(base + "/rw")
    writer = zk.WriteLock(base + "/rw")
    assert reader.acquire() and other.acquire()
    assert not writer.acquire(blocking=False)
    reader.release()
    other.release()
    assert writer.acquire() and not reader.acquire(blocking=False)
    writer.release()


@check
def semaphore(zk, base):
    one, two, three = (zk.Semaphore(base + "/sem", max_leases=2) for _ in range(3))
    assert one.acquire() and two.acquire() and not three.acquire(blocking=False)
    one.release()
    assert three.acquire(timeout=WAIT)
    two.release()
    three.release()


@check
def election(zk, base):
    led = []
    together(*(lambda n=n: zk.Election(base + "/e", str(n)).run(led.append, n) for n in range(3)))
    assert sorted(led) == [0, 1, 2]


@check
def queues(zk, base):
    simple = zk.Queue(base + "/q")
    simple.put(b"low", priority=200)
    simple.put(b"high", priority=1)
    assert len(simple) == 2 and simple.get() == b"high" and simple.get() == b"low" and simple.get() is None
    locking = zk.LockingQueue(base + "/lq")
    locking.put_all([b"a", b"b"])
    assert locking.get(timeout=WAIT) == b"a" and locking.holds_lock() and locking.consume()
    assert locking.get(timeout=WAIT) == b"b" and locking.release()
    assert len(locking) == 1


@check
def counter(zk, base):
    number = zk.Counter(base + "/count")

    def add():
        own = zk.Counter(base + "/count")
        for _ in range(10):
            own += 1

    together(add, add)
    assert number.value == 20, number.value


@check
def barriers(zk, base):
    gate = zk.Barrier(base + "/gate")
    gate.create()
    assert not gate.wait(timeout=0.05)
    together(lambda: gate.wait(WAIT), gate.remove)
    assert gate.wait(timeout=WAIT)

    def pass_both():
        client = peer.connect(hosts)
        double = client.DoubleBarrier(base + "/double", 3)
        double.enter()
        double.leave()
        client.stop()

    together(pass_both, pass_both, pass_both)


@check
def parties(zk, base):
    party, shallow = zk.Party(base + "/p", "me"), zk.ShallowParty(base + "/sp", "me")
    party.join()
    shallow.join()
    assert list(party) == ["me"] and list(shallow) == ["me"]
    party.leave()
    shallow.leave()
    assert len(party) == 0 and len(shallow) == 0


@check
def tree_cache(zk, base):
    zk.create(base + "/tree/a", b"1", makepath=True)
    cache = TreeCache(zk, base + "/tree")
    changes = queue.Queue()
    cache.listen(lambda event: changes.put(event))
    cache.start()
    seen = set()
    # Of three events: the root and the child added, and the end of the first reading.
    while len(seen) < 2 or cache.get_data(base + "/tree/a") is None:
        event = changes.get(timeout=WAIT)
        seen.add(event.event_type)
    zk.set(base + "/tree/a", b"2")
    while cache.get_data(base + "/tree/a").data != b"2":
        changes.get(timeout=WAIT)
    assert cache.get_children(base + "/tree") == frozenset(["a"])
    cache.close()


@check
def leases(zk, base):
    import datetime

    hour = datetime.timedelta(hours=1)
    assert zk.NonBlockingLease(base + "/lease", hour, identifier="a")
    assert not zk.NonBlockingLease(base + "/lease", hour, identifier="b")


@check
def set_partitioner(zk, base):
    partitioner = SetPartitioner(zk, base + "/set", ("x", "y"), time_boundary=0.2)
    partitioner.wait_for_acquire(WAIT)
    assert partitioner.acquired and sorted(partitioner) == ["x", "y"]
    partitioner.finish()


def main():
    zk = peer.connect(hosts)
    peer.say(event="ready", version=peer.version)
    failed = 0
    for function in checks:
        base = "/kazoo-%s-%s" % (function.__name__, uuid.uuid4().hex[:8])
        zk.create(base)
        try:
            function(zk, base)
            peer.say(event="check", name=function.__name__, ok=True)
        except BaseException:
            failed += 1
            peer.say(event="check", name=function.__name__, ok=False, error=traceback.format_exc())
        zk.delete(base, recursive=True)
    zk.stop()
    zk.close()
    peer.say(event="done")
    sys.exit(1 if failed else 0)


main()
