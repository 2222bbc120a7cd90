import java.util.Arrays;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;

/**
 * Takes two of three locks at a time as one InterProcessMultiLock, and tells when it held which.
 *
 * <p>usage: MultiContender CONNECT PATH ROUNDS
 */
public final class MultiContender {
  private MultiContender() {}

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    String a = args[1] + "/a";
    String b = args[1] + "/b";
    String c = args[1] + "/c";
    // Curator takes them as listed: in the order of their paths, as all must.
    List<List<String>> pairs = Arrays.asList(Arrays.asList(a, b), Arrays.asList(b, c), Arrays.asList(a, c));
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    for (int i = 0; i < Integer.parseInt(args[2]); i++) {
      List<String> pair = pairs.get(i % pairs.size());
      InterProcessMultiLock lock = new InterProcessMultiLock(client, pair);
      lock.acquire();
      long start = System.nanoTime();
      Thread.sleep(0, 300_000);
      long end = System.nanoTime();
      lock.release();
      for (String path : pair)
        Peer.say("event", "held", "kind", "write", "path", path, "start", start, "end", end);
    }
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }
}
