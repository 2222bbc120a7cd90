// Curator's InterProcessMutex, or InterProcessSemaphoreV2 with 4 leases, asked by lines on standard input as the bench's worker is: `<workload> <operations>
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
      System.out.println(run(client, words[0].equals("semaphore"), path, Integer.parseInt(words[1]), Integer.parseInt(words[2])));
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

  private static double at(double[] sorted, double share) {
    return sorted[(int) ((sorted.length - 1) * share)];
  }
}
