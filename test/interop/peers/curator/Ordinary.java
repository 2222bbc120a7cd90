import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.Stat;

/**
 * A Curator client's ordinary work, each piece checked and reported by name. Where one client looks at what another did
 * it calls sync first: they may be connected to different servers.
 *
 * <p>usage: Ordinary CONNECT
 */
public final class Ordinary {
  private static final int WAIT_S = 20;

  private interface Check {
    void run(CuratorFramework zk, String base) throws Exception;
  }

  private static String hosts;
  private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

  private Ordinary() {}

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static void that(boolean condition, Object what) {
    if (!condition) throw new AssertionError(String.valueOf(what));
  }

  private static void same(Object expected, Object actual) {
    that(expected.equals(actual), "expected " + expected + ", got " + actual);
  }

  private static void raises(KeeperException.Code code, Callable<?> call) throws Exception {
    try {
      call.call();
    } catch (KeeperException error) {
      same(code, error.code());
      return;
    }
    throw new AssertionError("no " + code);
  }

  /** Runs all at once, in threads; what one throws is thrown here. */
  private static void together(List<Callable<Void>> calls) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(calls.size());
    try {
      List<Future<Void>> results = new ArrayList<>();
      for (Callable<Void> call : calls) results.add(pool.submit(call));
      for (Future<Void> result : results) result.get(WAIT_S, TimeUnit.SECONDS);
    } finally {
      pool.shutdownNow();
    }
  }

  private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T value = queue.poll(WAIT_S, TimeUnit.SECONDS);
    that(value != null, "nothing came");
    return value;
  }

  private static void basics(CuratorFramework zk, String base) throws Exception {
    same(base + "/a", zk.create().forPath(base + "/a", bytes("one")));
    Stat stat = new Stat();
    that(Arrays.equals(bytes("one"), zk.getData().storingStatIn(stat).forPath(base + "/a")), "data");
    same(0, stat.getVersion());
    same(1, zk.setData().withVersion(0).forPath(base + "/a", bytes("two")).getVersion());
    raises(KeeperException.Code.BADVERSION, () -> zk.setData().withVersion(0).forPath(base + "/a", bytes("x")));
    raises(KeeperException.Code.NODEEXISTS, () -> zk.create().forPath(base + "/a"));
    zk.create().orSetData().forPath(base + "/a", bytes("three"));
    zk.create().creatingParentContainersIfNeeded().forPath(base + "/a/b/c");
    raises(KeeperException.Code.NOTEMPTY, () -> zk.delete().forPath(base + "/a"));
    same(Collections.singletonList("b"), zk.getChildren().forPath(base + "/a"));
    zk.delete().guaranteed().deletingChildrenIfNeeded().forPath(base + "/a");
    that(zk.checkExists().forPath(base + "/a") == null, "deleted");
    raises(KeeperException.Code.NONODE, () -> zk.getData().forPath(base + "/a"));
    zk.sync().forPath(base);
  }

  private static void modes(CuratorFramework zk, String base) throws Exception {
    String first = zk.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(base + "/s-");
    same(base + "/s-0000000000", first);
    String mine = zk.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(base + "/s-");
    that(mine.contains("_c_") && mine.endsWith("0000000001"), mine);
    long session = zk.getZookeeperClient().getZooKeeper().getSessionId();
    same(session, zk.checkExists().forPath(mine).getEphemeralOwner());
    zk.create().withTtl(60_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(base + "/ttl");
    zk.create().withMode(CreateMode.CONTAINER).forPath(base + "/container");
    raises(KeeperException.Code.NOCHILDRENFOREPHEMERALS, () -> zk.create().forPath(mine + "/child"));
    same(4, zk.checkExists().forPath(base).getNumChildren());
    same(4, zk.getZookeeperClient().getZooKeeper().getAllChildrenNumber(base));
    same(Collections.singletonList(mine), zk.getZookeeperClient().getZooKeeper().getEphemerals(base));
  }

  private static void watches(CuratorFramework zk, String base) throws Exception {
    BlockingQueue<EventType> events = new LinkedBlockingQueue<>();
    org.apache.zookeeper.Watcher watcher = event -> events.add(event.getType());
    zk.checkExists().usingWatcher(watcher).forPath(base + "/w");
    zk.create().forPath(base + "/w", bytes("1"));
    same(EventType.NodeCreated, next(events));
    zk.getData().usingWatcher(watcher).forPath(base + "/w");
    zk.setData().forPath(base + "/w", bytes("2"));
    same(EventType.NodeDataChanged, next(events));
    zk.getChildren().usingWatcher(watcher).forPath(base + "/w");
    zk.create().forPath(base + "/w/c");
    same(EventType.NodeChildrenChanged, next(events));
    zk.getData().usingWatcher(watcher).forPath(base + "/w/c");
    zk.delete().forPath(base + "/w/c");
    same(EventType.NodeDeleted, next(events));
    zk.getData().usingWatcher(watcher).forPath(base + "/w");
    zk.watches().remove(watcher).forPath(base + "/w");
    same(EventType.DataWatchRemoved, next(events));
    that(events.isEmpty(), events);
  }

  private static void persistentWatches(CuratorFramework zk, String base) throws Exception {
    BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
    CountDownLatch set = new CountDownLatch(1);
    zk.watchers().add().withMode(AddWatchMode.PERSISTENT).inBackground((c, e) -> set.countDown())
        .usingWatcher((org.apache.zookeeper.Watcher) events::add).forPath(base);
    that(set.await(WAIT_S, TimeUnit.SECONDS), "set");
    zk.create().forPath(base + "/one");
    same(EventType.NodeChildrenChanged, next(events).getType());
    try (PersistentWatcher recursive = new PersistentWatcher(zk, base, true)) {
      BlockingQueue<String> deep = new LinkedBlockingQueue<>();
      recursive.getListenable().addListener(event -> deep.add(event.getType() + " " + event.getPath()));
      CountDownLatch ready = new CountDownLatch(1);
      recursive.getResetListenable().addListener(ready::countDown);
      recursive.start();
      that(ready.await(WAIT_S, TimeUnit.SECONDS), "ready");
      zk.create().forPath(base + "/one/two");
      same("NodeCreated " + base + "/one/two", next(deep));
      zk.delete().forPath(base + "/one/two");
      same("NodeDeleted " + base + "/one/two", next(deep));
    }
    zk.watchers().removeAll().guaranteed().forPath(base);
  }

  private static void transactions(CuratorFramework zk, String base) throws Exception {
    List<CuratorTransactionResult> results = zk.transaction().forOperations(
        zk.transactionOp().check().withVersion(0).forPath(base),
        zk.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(base + "/t-", bytes("1")),
        zk.transactionOp().setData().forPath(base, bytes("2")));
    same(base + "/t-0000000000", results.get(1).getResultPath());
    same(1, results.get(2).getResultStat().getVersion());
    try {
      zk.transaction().forOperations(
          zk.transactionOp().create().forPath(base + "/no"),
          zk.transactionOp().delete().forPath(base + "/missing"));
      throw new AssertionError("not refused");
    } catch (KeeperException error) {
      same(KeeperException.Code.NONODE, error.code());
      same(2, error.getResults().size());
    }
    that(zk.checkExists().forPath(base + "/no") == null, "rolled back");
  }

  private static void acls(CuratorFramework zk, String base) throws Exception {
    CuratorFrameworkFactory.Builder builder =
        CuratorFrameworkFactory.builder().connectString(hosts).authorization("digest", bytes("bob:secret"));
    try (CuratorFramework owner = Peer.connect(builder)) {
      owner.create().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(base + "/acl", bytes("private"));
      zk.sync().forPath(base);
      raises(KeeperException.Code.NOAUTH, () -> zk.getData().forPath(base + "/acl"));
      same("digest", owner.getACL().forPath(base + "/acl").get(0).getId().getScheme());
      owner.setACL().withACL(ZooDefs.Ids.OPEN_ACL_UNSAFE).forPath(base + "/acl");
      zk.sync().forPath(base);
      same(7, zk.getData().forPath(base + "/acl").length);
    }
  }

  private static void background(CuratorFramework zk, String base) throws Exception {
    BlockingQueue<String> done = new LinkedBlockingQueue<>();
    for (int i = 0; i < 200; i++) {
      zk.create().inBackground((client, event) -> done.add(event.getPath())).forPath(base + "/n" + i);
    }
    for (int i = 0; i < 200; i++) same(base + "/n" + i, next(done));
    same(200, zk.getChildren().forPath(base).size());
  }

  private static void namespaceAndConfig(CuratorFramework zk, String base) throws Exception {
    CuratorFramework inside = zk.usingNamespace(base.substring(1));
    inside.create().forPath("/inner", bytes("x"));
    same(1, zk.getData().forPath(base + "/inner").length);
    CuratorFrameworkFactory.Builder tracking = CuratorFrameworkFactory.builder().connectString(hosts);
    try (CuratorFramework tracker = Peer.connect(tracking)) {
      tracker.getConfig().forEnsemble();
    }
    try (CuratorFramework chrooted = Peer.connect(hosts + base)) {
      chrooted.sync().forPath("/");
      same(Collections.singletonList("inner"), chrooted.getChildren().forPath("/"));
    }
  }

  private static void sessionEnd(CuratorFramework zk, String base) throws Exception {
    try (CuratorFramework victim = Peer.connect(hosts);
        PersistentNode node = new PersistentNode(victim, CreateMode.EPHEMERAL, false, base + "/back", bytes("x"))) {
      BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
      victim.getConnectionStateListenable().addListener((client, state) -> states.add(state));
      node.start();
      that(node.waitForInitialCreate(WAIT_S, TimeUnit.SECONDS), "created");
      zk.sync().forPath(base);
      long before = zk.checkExists().forPath(base + "/back").getCzxid();
      org.apache.zookeeper.ZooKeeper own = victim.getZookeeperClient().getZooKeeper();
      CountDownLatch attached = new CountDownLatch(1);
      org.apache.zookeeper.ZooKeeper killer =
          new org.apache.zookeeper.ZooKeeper(
              hosts, 10_000, event -> attached.countDown(), own.getSessionId(), own.getSessionPasswd());
      that(attached.await(WAIT_S, TimeUnit.SECONDS), "attached");
      killer.close();
      while (next(states) != ConnectionState.LOST) {}
      while (next(states) != ConnectionState.RECONNECTED) {}
      zk.sync().forPath(base);
      Stat stat = zk.checkExists().forPath(base + "/back");
      for (int i = 0; stat == null && i < 200; i++) {
        Thread.sleep(50);
        zk.sync().forPath(base);
        stat = zk.checkExists().forPath(base + "/back");
      }
      that(stat != null && stat.getCzxid() > before, "made again");
    }
  }

  private static void mutex(CuratorFramework zk, String base) throws Exception {
    int[] inside = {0};
    Callable<Void> hold =
        () -> {
          try (CuratorFramework client = Peer.connect(hosts)) {
            InterProcessMutex mutex = new InterProcessMutex(client, base + "/m");
            for (int i = 0; i < 10; i++) {
              mutex.acquire();
              that(++inside[0] == 1, "alone");
              inside[0]--;
              mutex.release();
            }
          }
          return null;
        };
    together(Arrays.asList(hold, hold, hold));
  }

  private static void otherLocks(CuratorFramework zk, String base) throws Exception {
    try (CuratorFramework other = Peer.connect(hosts)) {
      InterProcessReadWriteLock mine = new InterProcessReadWriteLock(zk, base + "/rw");
      InterProcessReadWriteLock theirs = new InterProcessReadWriteLock(other, base + "/rw");
      that(mine.readLock().acquire(WAIT_S, TimeUnit.SECONDS), "read");
      that(theirs.readLock().acquire(WAIT_S, TimeUnit.SECONDS), "read with another");
      that(!theirs.writeLock().acquire(50, TimeUnit.MILLISECONDS), "no write beside a read");
      mine.readLock().release();
      theirs.readLock().release();
      that(theirs.writeLock().acquire(WAIT_S, TimeUnit.SECONDS), "write");
      that(!mine.readLock().acquire(50, TimeUnit.MILLISECONDS), "no read beside a write");
      theirs.writeLock().release();

      InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(zk, base + "/sem", 2);
      Lease one = semaphore.acquire(WAIT_S, TimeUnit.SECONDS);
      Lease two = new InterProcessSemaphoreV2(other, base + "/sem", 2).acquire(WAIT_S, TimeUnit.SECONDS);
      that(one != null && two != null, "two leases");
      that(semaphore.acquire(50, TimeUnit.MILLISECONDS) == null, "no third");
      one.close();
      two.close();

      InterProcessMultiLock multi = new InterProcessMultiLock(zk, Arrays.asList(base + "/m1", base + "/m2"));
      that(multi.acquire(WAIT_S, TimeUnit.SECONDS), "both");
      that(!new InterProcessMutex(other, base + "/m2").acquire(50, TimeUnit.MILLISECONDS), "taken");
      multi.release();
    }
  }

  private static void elections(CuratorFramework zk, String base) throws Exception {
    try (CuratorFramework other = Peer.connect(hosts);
        LeaderLatch second = new LeaderLatch(other, base + "/latch", "second")) {
      LeaderLatch first = new LeaderLatch(zk, base + "/latch", "first");
      first.start();
      that(first.await(WAIT_S, TimeUnit.SECONDS), "leads");
      second.start();
      that(!second.await(50, TimeUnit.MILLISECONDS), "follows");
      other.sync().forPath(base);
      same("first", second.getLeader().getId());
      first.close(LeaderLatch.CloseMode.NOTIFY_LEADER);
      that(second.await(WAIT_S, TimeUnit.SECONDS), "takes over");
      BlockingQueue<String> led = new LinkedBlockingQueue<>();
      try (LeaderSelector one = new LeaderSelector(zk, base + "/selector", leads(led, "one"));
          LeaderSelector two = new LeaderSelector(other, base + "/selector", leads(led, "two"))) {
        one.start();
        two.start();
        same(2L, Arrays.asList(next(led), next(led)).stream().distinct().count());
      }
    }
  }

  private static LeaderSelectorListenerAdapter leads(BlockingQueue<String> led, String name) {
    return new LeaderSelectorListenerAdapter() {
      @Override
      public void takeLeadership(CuratorFramework client) {
        led.add(name);
      }
    };
  }

  private static final QueueSerializer<String> TEXT =
      new QueueSerializer<String>() {
        @Override
        public byte[] serialize(String item) {
          return bytes(item);
        }

        @Override
        public String deserialize(byte[] item) {
          return new String(item, UTF_8);
        }
      };

  private static QueueConsumer<String> into(BlockingQueue<String> taken) {
    return new QueueConsumer<String>() {
      @Override
      public void consumeMessage(String message) {
        taken.add(message);
      }

      @Override
      public void stateChanged(CuratorFramework client, ConnectionState state) {}
    };
  }

  private static void queues(CuratorFramework zk, String base) throws Exception {
    BlockingQueue<String> taken = new LinkedBlockingQueue<>();
    try (DistributedQueue<String> queue =
        QueueBuilder.builder(zk, into(taken), TEXT, base + "/q").lockPath(base + "/ql").buildQueue()) {
      queue.start();
      queue.put("a");
      queue.put("b");
      same(Arrays.asList("a", "b"), Arrays.asList(next(taken), next(taken)));
    }
    try (DistributedPriorityQueue<String> put =
        QueueBuilder.builder(zk, (QueueConsumer<String>) null, TEXT, base + "/pq").buildPriorityQueue(0)) {
      put.start();
      put.put("later", 5);
      put.put("sooner", -5);
      put.flushPuts(WAIT_S, TimeUnit.SECONDS);
    }
    try (DistributedPriorityQueue<String> get =
        QueueBuilder.builder(zk, into(taken), TEXT, base + "/pq").buildPriorityQueue(0)) {
      get.start();
      same(Arrays.asList("sooner", "later"), Arrays.asList(next(taken), next(taken)));
    }
    SimpleDistributedQueue simple = new SimpleDistributedQueue(zk, base + "/simple");
    simple.offer(bytes("x"));
    same(1, simple.poll(WAIT_S, TimeUnit.SECONDS).length);
  }

  private static void numbers(CuratorFramework zk, String base) throws Exception {
    DistributedAtomicLong counter = new DistributedAtomicLong(zk, base + "/long", (count, elapsed, sleeper) -> count < 50);
    Callable<Void> add =
        () -> {
          for (int i = 0; i < 10; i++) {
            AtomicValue<Long> result = counter.increment();
            that(result.succeeded(), "added");
          }
          return null;
        };
    together(Arrays.asList(add, add));
    same(20L, counter.get().postValue());
    try (SharedCount one = new SharedCount(zk, base + "/shared", 1);
        SharedCount two = new SharedCount(zk, base + "/shared", 1)) {
      one.start();
      two.start();
      BlockingQueue<Integer> seen = new LinkedBlockingQueue<>();
      two.addListener(new org.apache.curator.framework.recipes.shared.SharedCountListener() {
        @Override
        public void countHasChanged(org.apache.curator.framework.recipes.shared.SharedCountReader count, int value) {
          seen.add(value);
        }

        @Override
        public void stateChanged(CuratorFramework client, ConnectionState state) {}
      });
      that(one.trySetCount(one.getVersionedValue(), 7), "set");
      same(7, next(seen));
    }
  }

  private static void barriers(CuratorFramework zk, String base) throws Exception {
    DistributedBarrier gate = new DistributedBarrier(zk, base + "/gate");
    gate.setBarrier();
    that(!gate.waitOnBarrier(50, TimeUnit.MILLISECONDS), "closed");
    together(Arrays.asList(
        () -> { that(gate.waitOnBarrier(WAIT_S, TimeUnit.SECONDS), "opened"); return null; },
        () -> { gate.removeBarrier(); return null; }));
    Callable<Void> pass =
        () -> {
          try (CuratorFramework client = Peer.connect(hosts)) {
            DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, base + "/double", 3);
            that(barrier.enter(WAIT_S, TimeUnit.SECONDS), "in");
            that(barrier.leave(WAIT_S, TimeUnit.SECONDS), "out");
          }
          return null;
        };
    together(Arrays.asList(pass, pass, pass));
  }

  private static void nodes(CuratorFramework zk, String base) throws Exception {
    try (GroupMember one = new GroupMember(zk, base + "/group", "one", bytes("1"));
        GroupMember two = new GroupMember(zk, base + "/group", "two", bytes("2"))) {
      one.start();
      two.start();
      for (int i = 0; one.getCurrentMembers().size() < 2 && i < 200; i++) Thread.sleep(50);
      same(2, one.getCurrentMembers().size());
    }
    try (PersistentTtlNode node = new PersistentTtlNode(zk, base + "/pttl", 60_000, bytes("x"))) {
      node.start();
      that(node.waitForInitialCreate(WAIT_S, TimeUnit.SECONDS), "created");
    }
  }

  private static void cache(CuratorFramework zk, String base) throws Exception {
    zk.create().creatingParentsIfNeeded().forPath(base + "/tree/a", bytes("1"));
    BlockingQueue<String> changes = new LinkedBlockingQueue<>();
    CountDownLatch ready = new CountDownLatch(1);
    try (CuratorCache cache = CuratorCache.build(zk, base + "/tree")) {
      cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown).build());
      cache.start();
      that(ready.await(WAIT_S, TimeUnit.SECONDS), "initialized");
      same(2, cache.size());
      cache.listenable().addListener((type, before, after) ->
          changes.add(type + " " + (after == null ? before : after).getPath()));
      zk.create().forPath(base + "/tree/b");
      same("NODE_CREATED " + base + "/tree/b", next(changes));
      zk.setData().forPath(base + "/tree/a", bytes("2"));
      same("NODE_CHANGED " + base + "/tree/a", next(changes));
      zk.delete().forPath(base + "/tree/b");
      same("NODE_DELETED " + base + "/tree/b", next(changes));
      same("2", new String(cache.get(base + "/tree/a").get().getData(), UTF_8));
    }
  }

  static {
    CHECKS.put("create, get, set, delete", Ordinary::basics);
    CHECKS.put("all create modes", Ordinary::modes);
    CHECKS.put("watches", Ordinary::watches);
    CHECKS.put("persistent watches", Ordinary::persistentWatches);
    CHECKS.put("transactions", Ordinary::transactions);
    CHECKS.put("ACLs", Ordinary::acls);
    CHECKS.put("calls in the background", Ordinary::background);
    CHECKS.put("namespace, chroot, config", Ordinary::namespaceAndConfig);
    CHECKS.put("end of a session", Ordinary::sessionEnd);
    CHECKS.put("InterProcessMutex", Ordinary::mutex);
    CHECKS.put("read-write lock, semaphore, multi lock", Ordinary::otherLocks);
    CHECKS.put("leader latch and selector", Ordinary::elections);
    CHECKS.put("queues", Ordinary::queues);
    CHECKS.put("atomic long and shared count", Ordinary::numbers);
    CHECKS.put("barriers", Ordinary::barriers);
    CHECKS.put("group member and TTL node", Ordinary::nodes);
    CHECKS.put("CuratorCache", Ordinary::cache);
  }

  public static void main(String[] args) throws Exception {
    Peer.listen();
    hosts = args[0];
    int failed = 0;
    try (CuratorFramework zk = Peer.connect(hosts)) {
      Peer.say("event", "ready", "version", Peer.version());
      for (Map.Entry<String, Check> check : CHECKS.entrySet()) {
        String base = "/curator-" + UUID.randomUUID();
        zk.create().forPath(base, new byte[0]);
        try {
          check.getValue().run(zk, base);
          Peer.say("event", "check", "name", check.getKey(), "ok", true);
        } catch (Throwable problem) {
          failed++;
          java.io.StringWriter trace = new java.io.StringWriter();
          problem.printStackTrace(new java.io.PrintWriter(trace));
          Peer.say("event", "check", "name", check.getKey(), "ok", false, "error", trace);
        }
        zk.delete().deletingChildrenIfNeeded().forPath(base);
      }
    }
    Peer.say("event", "done");
    System.exit(failed == 0 ? 0 : 1);
  }
}
