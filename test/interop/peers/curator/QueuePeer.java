import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.state.ConnectionState;

/**
 * Puts items into Curator's DistributedQueue with a lock path, and takes what is there until nothing comes for a while.
 *
 * <p>usage: QueuePeer CONNECT PATH LOCK_PATH PUTS IDLE_MS, where an IDLE_MS of 0 is for one that only puts
 */
public final class QueuePeer {
  private QueuePeer() {}

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    long idleMs = Long.parseLong(args[4]);
    AtomicLong last = new AtomicLong(System.nanoTime());
    QueueConsumer<String> consumer =
        new QueueConsumer<String>() {
          @Override
          public void consumeMessage(String item) {
            Peer.say("event", "took", "item", item);
            last.set(System.nanoTime());
          }

          @Override
          public void stateChanged(CuratorFramework changed, ConnectionState state) {}
        };
    QueueSerializer<String> serializer =
        new QueueSerializer<String>() {
          @Override
          public byte[] serialize(String item) {
            return ("\"" + item + "\"").getBytes(StandardCharsets.UTF_8);
          }

          @Override
          public String deserialize(byte[] bytes) {
            return new String(bytes, 1, bytes.length - 2, StandardCharsets.UTF_8);
          }
        };
    DistributedQueue<String> queue =
        QueueBuilder.builder(client, idleMs == 0 ? null : consumer, serializer, args[1])
            .lockPath(args[2])
            .buildQueue();
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    queue.start();
    for (int i = 0; i < Integer.parseInt(args[3]); i++) queue.put("curator-" + i);
    queue.flushPuts(30, java.util.concurrent.TimeUnit.SECONDS);
    last.set(System.nanoTime());
    while (System.nanoTime() - last.get() < idleMs * 1_000_000L) Thread.sleep(20);
    queue.close();
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
