import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.ZooKeeper;

/**
 * Acquires and releases Curator's InterProcessMutex again and again under faults, and says what it believes.
 *
 * <p>usage: Tortured CONNECT ROOT KEYS SESSION_MS LIMIT_MS
 *
 * <p>It takes `go`, `pause` (answered by `idle` when nothing of it is under way) and `stop` on its standard input. A
 * careful user: each acquire has a limit, a failed release is tried again, and belief ends as soon as Curator says
 * SUSPENDED or LOST.
 */
public final class Tortured {
  private static final Object LOCK = new Object();
  private static boolean running;
  private static boolean stopped;

  private Tortured() {}

  /** One who believes to hold, until told otherwise. */
  private static final class Belief {
    final String id;
    private final AtomicBoolean ended = new AtomicBoolean();

    Belief(String id) {
      this.id = id;
    }

    void end(String how) {
      if (ended.compareAndSet(false, true)) say("event", "end", "id", id, "how", how);
    }
  }

  private static void say(Object... fields) {
    Object[] all = new Object[fields.length + 2];
    System.arraycopy(fields, 0, all, 0, fields.length);
    all[fields.length] = "t";
    all[fields.length + 1] = System.nanoTime() / 1000;
    Peer.say(all);
  }

  private static void listen() {
    Thread thread =
        new Thread(
            () -> {
              try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                  synchronized (LOCK) {
                    running = !line.equals("pause");
                    stopped |= line.equals("stop");
                    LOCK.notifyAll();
                  }
                }
              } catch (java.io.IOException ended) {
                // As good as its end.
              }
              synchronized (LOCK) {
                if (!stopped) Runtime.getRuntime().halt(2);
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  /** False when it shall end. */
  private static boolean awaitTurn() throws InterruptedException {
    synchronized (LOCK) {
      if (!running && !stopped) say("event", "idle");
      while (!running && !stopped) LOCK.wait();
      return !stopped;
    }
  }

  private static void saySession(CuratorFramework client) {
    try {
      ZooKeeper zooKeeper = client.getZookeeperClient().getZooKeeper();
      StringBuilder password = new StringBuilder();
      for (byte b : zooKeeper.getSessionPasswd()) password.append(String.format("%02x", b));
      say("event", "session", "id", Long.toString(zooKeeper.getSessionId()), "password", password);
    } catch (Exception gone) {
      // The next one will be told.
    }
  }

  private static void release(InterProcessMutex mutex, String id) {
    for (int attempt = 0; attempt < 3; attempt++) {
      try {
        mutex.release();
        return;
      } catch (IllegalMonitorStateException notHeld) {
        return;
      } catch (Exception error) {
        say("event", "fail", "id", id, "during", "release", "code", error.getClass().getSimpleName());
      }
    }
  }

  public static void main(String[] args) throws Exception {
    listen();
    int keys = Integer.parseInt(args[2]);
    long limitMs = Long.parseLong(args[4]);
    CuratorFramework client =
        CuratorFrameworkFactory.builder()
            .connectString(args[0])
            .ensembleTracker(false)
            .sessionTimeoutMs(Integer.parseInt(args[3]))
            .connectionTimeoutMs(Integer.parseInt(args[3]) / 2)
            .retryPolicy(new ExponentialBackoffRetry(100, 5))
            .build();
    AtomicReference<Belief> current = new AtomicReference<>();
    client
        .getConnectionStateListenable()
        .addListener(
            (framework, state) -> {
              Belief belief = current.get();
              if (!state.isConnected() && belief != null) belief.end("lost");
              if (state == ConnectionState.CONNECTED || state == ConnectionState.RECONNECTED) saySession(framework);
            });
    client.start();
    if (!client.blockUntilConnected(20, TimeUnit.SECONDS)) throw new IllegalStateException("not connected");
    say("event", "ready", "version", Peer.version());
    ThreadLocalRandom random = ThreadLocalRandom.current();
    for (int number = 0; ; number++) {
      if (!awaitTurn()) break;
      synchronized (LOCK) {
        if (!running) continue;
      }
      String id = ProcessHandle.current().pid() + ":" + number;
      String path = args[1] + "/" + random.nextInt(keys);
      InterProcessMutex mutex = new InterProcessMutex(client, path);
      say("event", "ask", "id", id);
      Belief belief = new Belief(id);
      try {
        if (!mutex.acquire(limitMs, TimeUnit.MILLISECONDS)) {
          say("event", "fail", "id", id, "during", "acquire", "code", "TIMEOUT");
          continue;
        }
      } catch (Exception error) {
        say("event", "fail", "id", id, "during", "acquire", "code", error.getClass().getSimpleName());
        continue;
      }
      long session = sessionOf(client);
      current.set(belief);
      say("event", "grant", "id", id, "path", path, "session", Long.toString(session));
      if (!client.getZookeeperClient().isConnected()) belief.end("lost");
      Thread.sleep(random.nextDouble() < 0.97 ? random.nextInt(10) : random.nextInt(1000));
      // After the session is another one, this should not claim to be held.
      long after = sessionOf(client);
      if (session != 0 && after != 0 && after != session && mutex.isAcquiredInThisProcess())
        say("event", "stale", "id", id);
      belief.end("release");
      current.set(null);
      release(mutex, id);
      say("event", "released", "id", id);
    }
    client.close();
    say("event", "done");
    System.exit(0);
  }

  private static long sessionOf(CuratorFramework client) {
    try {
      return client.getZookeeperClient().isConnected() ? client.getZookeeperClient().getZooKeeper().getSessionId() : 0;
    } catch (Exception gone) {
      return 0;
    }
  }
}
