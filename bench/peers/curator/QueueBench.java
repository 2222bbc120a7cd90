// Curator's DistributedQueue with a lock path, so that items are delivered at least once. It puts in the background, as it
// does by default. Items are taken by the default executor one at a time, or by a pool of as many threads as asked for.
import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.MultiItem;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueuePutListener;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.state.ConnectionState;

final class QueueBench {
  private static final QueueSerializer<byte[]> BYTES =
      new QueueSerializer<byte[]>() {
        @Override
        public byte[] serialize(byte[] item) {
          return item;
        }

        @Override
        public byte[] deserialize(byte[] bytes) {
          return bytes;
        }
      };

  private QueueBench() {}

  private static QueueBuilder<byte[]> builder(CuratorFramework client, QueueConsumer<byte[]> consumer, String path) {
    return QueueBuilder.builder(client, consumer, BYTES, path + "/queue").lockPath(path + "/locks");
  }

  static String put(CuratorFramework client, String path, int operations, int inFlight) throws Exception {
    DistributedQueue<byte[]> queue = builder(client, null, path).buildQueue();
    long[] begun = new long[operations];
    Semaphore room = new Semaphore(inFlight);
    queue.start();
    Report report = new Report(operations);
    queue.getPutListenerContainer().addListener(
        new QueuePutListener<byte[]>() {
          @Override
          public void putCompleted(byte[] item) {
            int index = ByteBuffer.wrap(item).getInt();
            report.latencies[index] = (System.nanoTime() - begun[index]) / 1e3;
            room.release();
          }

          @Override
          public void putMultiCompleted(MultiItem<byte[]> items) {}
        });
    for (int index = 0; index < operations; index++) {
      room.acquire();
      byte[] item = new byte[128];
      ByteBuffer.wrap(item).putInt(index);
      begun[index] = System.nanoTime();
      queue.put(item);
    }
    room.acquire(inFlight);
    String line = report.end();
    queue.flushPuts(30, TimeUnit.SECONDS);
    queue.close();
    return line;
  }

  /** Says how many were taken so far until a line says stop. An item's deletion follows right behind that. */
  static String take(CuratorFramework client, String path, int takers, BufferedReader input) throws Exception {
    long cpu = Report.cpuNow();
    AtomicInteger acked = new AtomicInteger();
    QueueConsumer<byte[]> consumer =
        new QueueConsumer<byte[]>() {
          @Override
          public void consumeMessage(byte[] item) {
            System.out.println("{\"acked\":" + acked.incrementAndGet() + "}");
          }

          @Override
          public void stateChanged(CuratorFramework changed, ConnectionState state) {}
        };
    QueueBuilder<byte[]> builder = builder(client, consumer, path);
    ExecutorService pool = Executors.newFixedThreadPool(takers);
    if (takers > 1) builder.executor(pool);
    DistributedQueue<byte[]> queue = builder.buildQueue();
    queue.start();
    System.out.println("{\"acked\":0}");
    input.readLine();
    queue.close();
    pool.shutdown();
    pool.awaitTermination(30, TimeUnit.SECONDS);
    return "{\"stopped\":true,\"acked\":" + acked.get() + ",\"cpuMs\":" + (Report.cpuNow() - cpu) / 1e6 + "}";
  }
}
