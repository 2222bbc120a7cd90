import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;

/**
 * What the Curator peers share: lines of JSON for the driver, and an end with it.
 *
 * The driver holds our standard input open. A line on it says "go"; its end says that the driver is gone, and then this
 * process goes too, whatever it is waiting for.
 */
final class Peer {
  private static final CountDownLatch GO = new CountDownLatch(1);
  private static final Semaphore TOLD = new Semaphore(0);

  private Peer() {}

  static void listen() {
    Thread thread =
        new Thread(
            () -> {
              try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
                while (in.readLine() != null) {
                if (GO.getCount() == 0) TOLD.release();
                GO.countDown();
              }
              } catch (java.io.IOException ended) {
                // As good as its end.
              }
              Runtime.getRuntime().halt(2);
            });
    thread.setDaemon(true);
    thread.start();
  }

  static void awaitGo() throws InterruptedException {
    GO.await();
  }

  /** Another line, behind the one that said go. */
  static void awaitTold() throws InterruptedException {
    TOLD.acquire();
  }

  /** One line of JSON of names and values; a value is a string, a number or a boolean. */
  static synchronized void say(Object... fields) {
    StringBuilder line = new StringBuilder("{");
    for (int i = 0; i < fields.length; i += 2) {
      if (i > 0) line.append(", ");
      line.append(quoted(fields[i])).append(": ");
      Object value = fields[i + 1];
      line.append(value instanceof Number || value instanceof Boolean ? value : quoted(value));
    }
    System.out.println(line.append("}"));
    System.out.flush();
  }

  private static String quoted(Object value) {
    StringBuilder text = new StringBuilder("\"");
    for (char c : String.valueOf(value).toCharArray()) {
      if (c == '"' || c == '\\') text.append('\\').append(c);
      else if (c < ' ') text.append(String.format("\\u%04x", (int) c));
      else text.append(c);
    }
    return text.append('"').toString();
  }

  /**
   * Without Curator's ensemble tracker, which replaces our connect string by the addresses in the servers' own
   * configuration: in Docker those are names that only containers can resolve.
   */
  static CuratorFramework connect(String hosts) throws Exception {
    return connect(CuratorFrameworkFactory.builder().connectString(hosts).ensembleTracker(false));
  }

  static CuratorFramework connect(CuratorFrameworkFactory.Builder builder) throws Exception {
    CuratorFramework client =
        builder
            .sessionTimeoutMs(10_000)
            .connectionTimeoutMs(10_000)
            .retryPolicy(new RetryNTimes(10, 200))
            .build();
    client.start();
    if (!client.blockUntilConnected(20, TimeUnit.SECONDS)) throw new IllegalStateException("not connected");
    return client;
  }

  /** As the jar's manifest says; Debian's says nothing. */
  static String version() {
    String version = CuratorFramework.class.getPackage().getImplementationVersion();
    return version == null ? "installed" : version;
  }
}
