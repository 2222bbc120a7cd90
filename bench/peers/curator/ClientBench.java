// Curator as a client: one operation at a time synchronously, more of them in the background, as its users would; watches, and what
// sessions and watches weigh.
import java.io.BufferedReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.BackgroundCallback;
import org.apache.curator.framework.api.CuratorWatcher;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.KeeperException;

final class ClientBench {
  private static final byte[] DATA = new byte[128];

  private ClientBench() {}

  private static boolean reads(String workload, int index) {
    if (workload.equals("mix-90")) return index % 10 != 0;
    if (workload.equals("mix-50")) return index % 2 != 0;
    return workload.equals("get");
  }

  static String pump(CuratorFramework client, String workload, String root, String path, int operations, int inFlight)
      throws Exception {
    String node = root + "/node";
    Report report = new Report(operations);
    Semaphore room = new Semaphore(inFlight);
    for (int index = 0; index < operations; index++) {
      room.acquire();
      int each = index;
      long begun = System.nanoTime();
      BackgroundCallback done =
          (ignored, event) -> {
            if (event.getResultCode() != 0) throw KeeperException.create(event.getResultCode());
            report.latencies[each] = (System.nanoTime() - begun) / 1e3;
            room.release();
          };
      if (workload.equals("create-delete")) pair(client, path + "-" + index, inFlight, done, room, report, each, begun);
      else if (inFlight == 1) {
        if (reads(workload, index)) client.getData().forPath(node);
        else client.setData().forPath(node, DATA);
        report.latencies[index] = (System.nanoTime() - begun) / 1e3;
        room.release();
      } else if (reads(workload, index)) client.getData().inBackground(done).forPath(node);
      else client.setData().inBackground(done).forPath(node, DATA);
    }
    room.acquire(inFlight);
    return report.end();
  }

  private static void pair(
      CuratorFramework client, String path, int inFlight, BackgroundCallback done, Semaphore room, Report report, int index, long begun)
      throws Exception {
    if (inFlight > 1) {
      BackgroundCallback created = (ignored, event) -> client.delete().inBackground(done).forPath(path);
      client.create().inBackground(created).forPath(path, DATA);
      return;
    }
    client.create().forPath(path, DATA);
    client.delete().forPath(path);
    report.latencies[index] = (System.nanoTime() - begun) / 1e3;
    room.release();
  }

  private static CuratorFramework session(String hosts) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 30_000, 30_000, new ExponentialBackoffRetry(100, 3));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  /** One at a time: a new znode each time. Else all are watched, then all are set. */
  static String watch(CuratorFramework client, String hosts, String path, int operations, int inFlight) throws Exception {
    CuratorFramework other = session(hosts);
    for (int index = 0; index < operations; index++) client.create().forPath(path + "-" + index, DATA);
    Report warm = new Report(operations);
    long[] begun = new long[operations];
    Semaphore events = new Semaphore(0);
    for (int index = 0; index < operations; index++) {
      int each = index;
      CuratorWatcher told =
          event -> {
            warm.latencies[each] = (System.nanoTime() - begun[each]) / 1e3;
            events.release();
          };
      other.getData().usingWatcher(told).forPath(path + "-" + index);
    }
    Report report = new Report(operations);
    for (int index = 0; index < operations; index++) {
      begun[index] = System.nanoTime();
      if (inFlight > 1) client.setData().inBackground().forPath(path + "-" + index, DATA);
      else {
        client.setData().inBackground().forPath(path + "-" + index, DATA);
        events.acquire();
      }
    }
    if (inFlight > 1) events.acquire(operations);
    System.arraycopy(warm.latencies, 0, report.latencies, 0, operations);
    String line = inFlight > 1 ? report.end() : report.endOfTimed();
    other.close();
    return line;
  }

  /** Says when nothing is held yet, then, after a line, when all is; after another it ends. */
  static String hold(String hosts, String workload, String root, int count, BufferedReader input) throws Exception {
    List<CuratorFramework> sessions = new ArrayList<>();
    sessions.add(session(hosts));
    settle();
    input.readLine();
    if (workload.equals("memory-sessions")) {
      for (int i = 0; i < count; i++) sessions.add(session(hosts));
    } else {
      CountDownLatch set = new CountDownLatch(count);
      for (int i = 0; i < count; i++) {
        CuratorWatcher told = event -> {};
        BackgroundCallback done = (ignored, event) -> set.countDown();
        sessions.get(0).getData().usingWatcher(told).inBackground(done).forPath(root + "/watched-" + i);
      }
      set.await();
    }
    settle();
    input.readLine();
    for (CuratorFramework each : sessions) each.close();
    return "{\"ended\":true}";
  }

  private static void settle() throws Exception {
    for (int i = 0; i < 3; i++) System.gc();
    Runtime runtime = Runtime.getRuntime();
    System.out.println("{\"settled\":true,\"heapBytes\":" + (runtime.totalMemory() - runtime.freeMemory()) + "}");
  }
}
