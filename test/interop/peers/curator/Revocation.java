import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.Revoker;

/**
 * Holds an InterProcessMutex until it is asked to give it up, or asks whoever is in a znode.
 *
 * <p>usage: Revocation CONNECT hold PATH | Revocation CONNECT ask ZNODE
 */
public final class Revocation {
  private Revocation() {}

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    if (args[1].equals("ask")) Revoker.attemptRevoke(client, args[2]);
    else hold(client, args[2]);
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }

  private static void hold(CuratorFramework client, String path) throws Exception {
    InterProcessMutex mutex = new InterProcessMutex(client, path);
    CountDownLatch asked = new CountDownLatch(1);
    mutex.makeRevocable(lock -> asked.countDown());
    mutex.acquire();
    Peer.say("event", "held");
    boolean isAsked = asked.await(30, TimeUnit.SECONDS);
    mutex.release();
    Peer.say("event", "released", "asked", isAsked);
  }
}
