import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/**
 * Leads again and again, and increments an unprotected counter in a plain file each time.
 *
 * <p>usage: LeaderContender CONNECT PATH FILE INCREMENTS latch|selector
 */
public final class LeaderContender {
  private LeaderContender() {}

  private static void lead(Path file) throws Exception {
    long start = System.nanoTime();
    String text = new String(Files.readAllBytes(file), StandardCharsets.US_ASCII);
    int value = Integer.parseInt(text.trim());
    // Long enough for another one to come in between, if it could.
    Thread.sleep(0, 300_000);
    Files.write(file, Integer.toString(value + 1).getBytes(StandardCharsets.US_ASCII));
    Peer.say("event", "held", "start", start, "end", System.nanoTime());
  }

  private static void withLatches(CuratorFramework client, String path, Path file, int turns) throws Exception {
    for (int i = 0; i < turns; i++) {
      try (LeaderLatch latch = new LeaderLatch(client, path, "curator")) {
        latch.start();
        latch.await();
        if (!latch.getLeader().getId().equals("curator")) throw new IllegalStateException("another one leads");
        lead(file);
      }
    }
  }

  private static void withSelector(CuratorFramework client, String path, Path file, int turns) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    AtomicInteger led = new AtomicInteger();
    LeaderSelector selector =
        new LeaderSelector(
            client,
            path,
            new LeaderSelectorListenerAdapter() {
              @Override
              public void takeLeadership(CuratorFramework ignored) throws Exception {
                if (led.get() < turns) lead(file);
                if (led.incrementAndGet() == turns) done.countDown();
              }
            });
    selector.setId("curator");
    selector.autoRequeue();
    selector.start();
    done.await();
    selector.close();
  }

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    Path file = Paths.get(args[2]);
    int turns = Integer.parseInt(args[3]);
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    if (args[4].equals("latch")) withLatches(client, args[1], file, turns);
    else withSelector(client, args[1], file, turns);
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
