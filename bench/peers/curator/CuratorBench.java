// Curator's recipes, asked by lines on standard input as the bench's worker is: `<workload> <operations> <in flight> <name>`,
// answered by one line of JSON. Each contender is a thread with an object of its own, as Curator's locks belong to
// threads.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.retry.RetryNTimes;

public final class CuratorBench {
  interface Operation {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 30_000, 30_000, new ExponentialBackoffRetry(100, 3));
    client.start();
    client.blockUntilConnected();
    System.out.println("{\"ready\":true}");
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      String path = args[1] + "/curator-" + words[3];
      int operations = Integer.parseInt(words[1]);
      int inFlight = Integer.parseInt(words[2]);
      System.out.println(run(client, args, words[0], path, operations, inFlight, input));
    }
    client.close();
    System.exit(0);
  }

  private static String run(
      CuratorFramework client, String[] args, String workload, String path, int operations, int inFlight, BufferedReader input)
      throws Exception {
    switch (workload) {
      case "get":
      case "set":
      case "mix-90":
      case "mix-50":
      case "create-delete":
        return ClientBench.pump(client, workload, args[1], path, operations, inFlight);
      case "watch":
      case "watch-all":
        return ClientBench.watch(client, args[0], path, operations, inFlight);
      case "lead":
        return GroupBench.lead(args[0], path, operations);
      case "memory-sessions":
      case "memory-watches":
        return ClientBench.hold(args[0], workload, args[1], operations, input);
      case "queue-put":
        return QueueBench.put(client, path, operations, inFlight);
      case "queue-take":
        return QueueBench.take(client, path, inFlight, input);
      case "barrier":
        return GroupBench.barrier(client, path, operations, inFlight);
      case "leader-hand-over":
        return GroupBench.handOvers(client.getZookeeperClient().getCurrentConnectionString(), path, operations);
      case "delete":
        return GroupBench.deletes(client, path, operations);
      default:
        return pump(client, workload, path, operations, inFlight);
    }
  }

  private static String pump(CuratorFramework client, String workload, String path, int operations, int contenders) throws Exception {
    AtomicInteger next = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(contenders);
    List<Future<?>> ends = new ArrayList<>();
    Report report = new Report(operations);
    for (int i = 0; i < contenders; i++) {
      ends.add(threads.submit(() -> {
        Operation operation = operationOf(client, workload, path);
        for (int index = next.getAndIncrement(); index < operations; index = next.getAndIncrement()) {
          long begun = System.nanoTime();
          operation.run();
          report.latencies[index] = (System.nanoTime() - begun) / 1e3;
        }
        return null;
      }));
    }
    for (Future<?> end : ends) end.get();
    String line = report.end();
    threads.shutdown();
    return line;
  }

  private static Operation operationOf(CuratorFramework client, String workload, String path) {
    if (workload.equals("counter")) {
      // The retries of Curator's own example.
      DistributedAtomicLong counter = new DistributedAtomicLong(client, path, new RetryNTimes(10, 10));
      return () -> {
        while (!counter.increment().succeeded()) {}
      };
    }
    if (workload.equals("semaphore")) {
      InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 4);
      return () -> semaphore.returnLease(semaphore.acquire());
    }
    InterProcessMutex mutex = new InterProcessMutex(client, path);
    return () -> {
      mutex.acquire();
      mutex.release();
    };
  }
}
