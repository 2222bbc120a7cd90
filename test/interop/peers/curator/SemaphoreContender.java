import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.shared.SharedCount;

/**
 * Takes a permit of Curator's InterProcessSemaphoreV2 again and again, and tells when it held it. Its limit is a
 * SharedCount.
 *
 * <p>usage: SemaphoreContender CONNECT PATH ROUNDS LIMIT_PATH
 */
public final class SemaphoreContender {
  private SemaphoreContender() {}

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    SharedCount limit = new SharedCount(client, args[3], 3);
    limit.start();
    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, args[1], limit);
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    for (int i = 0; i < Integer.parseInt(args[2]); i++) {
      Lease lease = semaphore.acquire();
      long start = System.nanoTime();
      long end;
      try {
        // Long enough for others to come in between, if they are let.
        Thread.sleep(2);
        end = System.nanoTime();
      } finally {
        semaphore.returnLease(lease);
      }
      Peer.say("event", "held", "permits", 1, "start", start, "end", end);
    }
    limit.close();
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
