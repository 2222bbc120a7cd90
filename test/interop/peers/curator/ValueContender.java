import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.RetryNTimes;

/**
 * Counts, and goes through barriers, with Curator.
 *
 * <p>usage: ValueContender CONNECT PATH ROUNDS KIND [MEMBERS], KIND one of long, count, double, barrier
 */
public final class ValueContender {
  private ValueContender() {}

  public static void main(String[] args) throws Exception {
    Peer.listen();
    CuratorFramework client = Peer.connect(args[0]);
    int rounds = Integer.parseInt(args[2]);
    Peer.say("event", "ready", "version", Peer.version());
    Peer.awaitGo();
    switch (args[3]) {
      case "long" -> countLong(client, args[1], rounds);
      case "count" -> count(client, args[1], rounds);
      case "double" -> doubleBarrier(client, args[1], rounds, Integer.parseInt(args[4]));
      default -> waitAt(client, args[1]);
    }
    client.close();
    Peer.say("event", "done");
    System.exit(0);
  }

  private static void countLong(CuratorFramework client, String path, int rounds) throws Exception {
    DistributedAtomicLong number = new DistributedAtomicLong(client, path, new RetryNTimes(10_000, 1));
    for (int i = 0; i < rounds; i++) {
      AtomicValue<Long> result = number.increment();
      if (!result.succeeded()) throw new IllegalStateException("not incremented");
      Peer.say("event", "counted", "value", result.postValue());
    }
  }

  private static void count(CuratorFramework client, String path, int rounds) throws Exception {
    SharedCount count = new SharedCount(client, path, 0);
    count.start();
    for (int i = 0; i < rounds; i++) {
      for (; ; ) {
        VersionedValue<Integer> now = count.getVersionedValue();
        if (!count.trySetCount(now, now.getValue() + 1)) continue;
        Peer.say("event", "counted", "value", now.getValue() + 1);
        break;
      }
    }
    count.close();
  }

  private static void doubleBarrier(CuratorFramework client, String path, int rounds, int members)
      throws Exception {
    for (int i = 0; i < rounds; i++) {
      DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, path + "/" + i, members);
      long asked = System.nanoTime();
      if (!barrier.enter(60, TimeUnit.SECONDS)) throw new IllegalStateException("not entered");
      long entered = System.nanoTime();
      // A member that has not come out of enter() when others leave may wait for ever: who tells us waits for all.
      Peer.say("event", "entered", "round", i);
      Peer.awaitTold();
      long leaving = System.nanoTime();
      if (!barrier.leave(60, TimeUnit.SECONDS)) throw new IllegalStateException("not left");
      Peer.say(
          "event", "passed", "round", i, "asked", asked, "entered", entered, "leaving", leaving, "left", System.nanoTime());
    }
  }

  private static void waitAt(CuratorFramework client, String path) throws Exception {
    new DistributedBarrier(client, path).waitOnBarrier();
    Peer.say("event", "through", "at", System.nanoTime());
  }
}
