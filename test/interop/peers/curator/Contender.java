import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;

/**
 * Contends for Curator's InterProcessMutex and increments an unprotected counter in a plain file each time it holds it.
 *
 * <p>usage: Contender CONNECT PATH FILE INCREMENTS
 */
public final class Contender {
  private Contender() {}

  private static void increment(Path file) throws Exception {
    String text = new String(Files.readAllBytes(file), StandardCharsets.US_ASCII);
    int value = Integer.parseInt(text.trim());
    // Long enough for another one to come in between, if the lock let it.
    Thread.sleep(0, 300_000);
    Files.write(file, Integer.toString(value + 1).getBytes(StandardCharsets.US_ASCII));
  }

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    InterProcessMutex mutex = new InterProcessMutex(client, args[1]);
    Path file = Paths.get(args[2]);
    int increments = Integer.parseInt(args[3]);
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    for (int i = 0; i < increments; i++) {
      mutex.acquire();
      long start = System.nanoTime();
      long end;
      try {
        increment(file);
        end = System.nanoTime();
      } finally {
        mutex.release();
      }
      Peer.say("event", "held", "start", start, "end", end);
    }
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
