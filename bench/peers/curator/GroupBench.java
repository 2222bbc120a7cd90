// Curator's DistributedDoubleBarrier, a thread a member and a new path each round, and LeaderLatch.
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.retry.ExponentialBackoffRetry;

final class GroupBench {
  private GroupBench() {}

  static String barrier(CuratorFramework client, String path, int operations, int members) throws Exception {
    for (int index = 0; index < operations; index++)
      client.create().creatingParentContainersIfNeeded().forPath(path + "-" + index);
    ExecutorService threads = Executors.newFixedThreadPool(members);
    Report report = new Report(operations);
    for (int index = 0; index < operations; index++) {
      String round = path + "-" + index;
      long begun = System.nanoTime();
      List<DistributedDoubleBarrier> barriers = new ArrayList<>();
      for (int i = 0; i < members; i++) barriers.add(new DistributedDoubleBarrier(client, round, members));
      all(threads, barriers, true);
      all(threads, barriers, false);
      report.latencies[index] = (System.nanoTime() - begun) / 1e3;
    }
    String line = report.end();
    threads.shutdown();
    return line;
  }

  private static void all(ExecutorService threads, List<DistributedDoubleBarrier> barriers, boolean enters) throws Exception {
    List<Future<?>> ends = new ArrayList<>();
    for (DistributedDoubleBarrier barrier : barriers) {
      ends.add(threads.submit(() -> {
        if (enters) barrier.enter();
        else barrier.leave();
        return null;
      }));
    }
    for (Future<?> end : ends) end.get();
  }

  static String deletes(CuratorFramework client, String path, int operations) throws Exception {
    client.create().creatingParentsIfNeeded().forPath(path);
    Report report = new Report(operations);
    for (int i = 0; i < operations; i++) {
      client.create().forPath(path + "/" + i, new byte[128]);
      long begun = System.nanoTime();
      client.delete().forPath(path + "/" + i);
      report.latencies[i] = (System.nanoTime() - begun) / 1e3;
    }
    return report.endOfTimed();
  }

  /** Stands for election on a session of its own, and says when it leads. */
  static String lead(String hosts, String path, int sessionTimeoutMs) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, sessionTimeoutMs, 30_000, new ExponentialBackoffRetry(100, 3));
    client.start();
    client.blockUntilConnected();
    LeaderLatch latch = new LeaderLatch(client, path);
    latch.start();
    latch.await();
    return "{\"leading\":true}";
  }

  /** Two sessions in turn: one leads, the other stands by; timed from the close to the next one's leadership. */
  static String handOvers(String hosts, String path, int operations) throws Exception {
    CuratorFramework[] clients = new CuratorFramework[2];
    for (int i = 0; i < 2; i++) {
      clients[i] = CuratorFrameworkFactory.newClient(hosts, 30_000, 30_000, new ExponentialBackoffRetry(100, 3));
      clients[i].start();
      clients[i].blockUntilConnected();
    }
    LeaderLatch leading = new LeaderLatch(clients[0], path);
    leading.start();
    leading.await();
    Report report = new Report(operations);
    for (int i = 0; i < operations; i++) {
      CuratorFramework other = clients[(i + 1) % 2];
      LeaderLatch next = new LeaderLatch(other, path);
      next.start();
      // Its watch on the leader stands.
      while (next.getParticipants().size() < 2) Thread.onSpinWait();
      Thread.sleep(20);
      long begun = System.nanoTime();
      LeaderLatch old = leading;
      Thread closing = new Thread(() -> closeQuietly(old));
      closing.start();
      next.await();
      report.latencies[i] = (System.nanoTime() - begun) / 1e3;
      closing.join();
      leading = next;
    }
    leading.close();
    for (CuratorFramework each : clients) each.close();
    return report.endOfTimed();
  }

  private static void closeQuietly(LeaderLatch latch) {
    try {
      latch.close();
    } catch (java.io.IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }
}
