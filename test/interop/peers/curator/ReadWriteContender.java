import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;

/**
 * Reads, writes and downgrades under Curator's InterProcessReadWriteLock, and tells when it held what.
 *
 * <p>Before 5.5 Curator's own downgrade lets a writer that queued meanwhile pass (CURATOR-621): then it does without.
 *
 * <p>usage: ReadWriteContender CONNECT PATH ROUNDS
 */
public final class ReadWriteContender {
  private ReadWriteContender() {}

  /** Whether the reader that a downgrade makes has the writer's number. */
  private static boolean downgrades(CuratorFramework client, String path) throws Exception {
    String probe = path + "-probe-" + java.util.UUID.randomUUID();
    InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, probe);
    lock.writeLock().acquire();
    lock.readLock().acquire();
    List<String> children = client.getChildren().forPath(probe);
    lock.readLock().release();
    lock.writeLock().release();
    long numbers = children.stream().map(name -> name.substring(name.length() - 10)).distinct().count();
    return children.size() == 2 && numbers == 1;
  }

  /** Long enough for another one to come in between, if the lock let it. */
  private static void hold(String kind, String path, boolean downgraded) throws Exception {
    long start = System.nanoTime();
    Thread.sleep(0, 300_000);
    long end = System.nanoTime();
    Peer.say("event", "held", "kind", kind, "path", path, "start", start, "end", end, "downgraded", downgraded);
  }

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    String path = args[1];
    InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, path);
    boolean downgrades = downgrades(client, path);
    Peer.say("event", "ready", "version", Peer.version(), "downgrades", downgrades, "reads", true);
    Peer.awaitGo();
    for (int i = 0; i < Integer.parseInt(args[2]); i++) {
      if (i % 4 < 2) {
        lock.readLock().acquire();
        hold("read", path, false);
        lock.readLock().release();
        continue;
      }
      lock.writeLock().acquire();
      hold("write", path, false);
      if (i % 4 == 3 && downgrades) {
        lock.readLock().acquire();
        lock.writeLock().release();
        hold("read", path, true);
        lock.readLock().release();
      } else {
        lock.writeLock().release();
      }
    }
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
