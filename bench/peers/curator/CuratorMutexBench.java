// Curator's InterProcessMutex, InterProcessSemaphoreV2 with 4 leases, or LeaderLatch, asked by lines on standard input as the bench's worker is: `<workload> <operations>
// <contenders>`, answered by one line of JSON. Each contender is a thread with a lock object of its own, as Curator's
// locks belong to threads.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.ArrayList;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.retry.ExponentialBackoffRetry;

public final class CuratorMutexBench {
  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 30_000, 30_000, new ExponentialBackoffRetry(100, 3));
    client.start();
    client.blockUntilConnected();
    System.out.println("{\"ready\":true}");
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    int round = 0;
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      String path = args[1] + "/curator-" + ProcessHandle.current().pid() + "-" + ++round;
      if (words[0].equals("delete")) System.out.println(deletes(client, path, Integer.parseInt(words[1])));
      else if (words[0].equals("leader-hand-over")) System.out.println(handOvers(args[0], path, Integer.parseInt(words[1])));
      else System.out.println(run(client, words[0].equals("semaphore"), path, Integer.parseInt(words[1]), Integer.parseInt(words[2])));
    }
    client.close();
    System.exit(0);
  }

  private static String run(CuratorFramework client, boolean semaphores, String path, int operations, int contenders) throws Exception {
    com.sun.management.OperatingSystemMXBean system =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    double[] latencies = new double[operations];
    AtomicInteger next = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(contenders);
    List<Future<?>> ends = new ArrayList<>();
    long cpu = system.getProcessCpuTime();
    long start = System.nanoTime();
    for (int i = 0; i < contenders; i++) {
      ends.add(threads.submit(() -> {
        InterProcessMutex mutex = new InterProcessMutex(client, path);
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 4);
        for (int index = next.getAndIncrement(); index < operations; index = next.getAndIncrement()) {
          long begun = System.nanoTime();
          if (semaphores) {
            semaphore.returnLease(semaphore.acquire());
          } else {
            mutex.acquire();
            mutex.release();
          }
          latencies[index] = (System.nanoTime() - begun) / 1e3;
        }
        return null;
      }));
    }
    for (Future<?> end : ends) end.get();
    double elapsedMs = (System.nanoTime() - start) / 1e6;
    double cpuMs = (system.getProcessCpuTime() - cpu) / 1e6;
    threads.shutdown();
    Arrays.sort(latencies);
    return String.format(
        Locale.ROOT,
        "{\"operations\":%d,\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f}",
        operations, elapsedMs, cpuMs, at(latencies, 0.5), at(latencies, 0.99));
  }

  private static String deletes(CuratorFramework client, String path, int operations) throws Exception {
    client.create().creatingParentsIfNeeded().forPath(path);
    double[] latencies = new double[operations];
    long cpu = cpuTime();
    for (int i = 0; i < operations; i++) {
      client.create().forPath(path + "/" + i, new byte[128]);
      long begun = System.nanoTime();
      client.delete().forPath(path + "/" + i);
      latencies[i] = (System.nanoTime() - begun) / 1e3;
    }
    return timed(latencies, cpu);
  }

  /** Two sessions in turn: one leads, the other stands by; timed from the close to the next one's leadership. */
  private static String handOvers(String hosts, String path, int operations) throws Exception {
    CuratorFramework[] clients = new CuratorFramework[2];
    for (int i = 0; i < 2; i++) {
      clients[i] = CuratorFrameworkFactory.newClient(hosts, 30_000, 30_000, new ExponentialBackoffRetry(100, 3));
      clients[i].start();
      clients[i].blockUntilConnected();
    }
    LeaderLatch leading = new LeaderLatch(clients[0], path);
    leading.start();
    leading.await();
    double[] latencies = new double[operations];
    long cpu = cpuTime();
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
      latencies[i] = (System.nanoTime() - begun) / 1e3;
      closing.join();
      leading = next;
    }
    leading.close();
    for (CuratorFramework each : clients) each.close();
    return timed(latencies, cpu);
  }

  private static void closeQuietly(LeaderLatch latch) {
    try {
      latch.close();
    } catch (java.io.IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }

  private static long cpuTime() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  /** Only what was timed counts as elapsed. */
  private static String timed(double[] latencies, long cpu) {
    double cpuMs = (cpuTime() - cpu) / 1e6;
    double elapsedMs = Arrays.stream(latencies).sum() / 1e3;
    Arrays.sort(latencies);
    return String.format(
        Locale.ROOT,
        "{\"operations\":%d,\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f}",
        latencies.length, elapsedMs, cpuMs, at(latencies, 0.5), at(latencies, 0.99));
  }

  private static double at(double[] sorted, double share) {
    return sorted[(int) ((sorted.length - 1) * share)];
  }
}
