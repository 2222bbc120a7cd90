/*
 * What Apache's own client says for every operation, once: `record.ts` listens between it and a server.
 * java -cp <ZooKeeper's jars> Scenario.java HOST:PORT
 */
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

public class Scenario {
    interface Step {
        void run() throws Exception;
    }

    private static void refused(KeeperException.Code code, Step step) throws Exception {
        try {
            step.run();
        } catch (KeeperException e) {
            if (e.code() == code) return;
            throw e;
        }
        throw new IllegalStateException("not refused: " + code);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static ZooKeeper connect(String server) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(server, 4321, event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
        });
        if (!connected.await(20, TimeUnit.SECONDS)) throw new IllegalStateException("no connection");
        return zk;
    }

    /** The recorder cuts the connection behind the answer to this one; the next request waits for the new one. */
    private static void cut(ZooKeeper zk) throws Exception {
        zk.exists("/cut", false);
        for (;;) {
            try {
                zk.exists("/after", false);
                return;
            } catch (KeeperException.ConnectionLossException e) {
                Thread.sleep(50);
            }
        }
    }

    private static void creates(ZooKeeper zk) throws Exception {
        Stat stat = new Stat();
        zk.create("/v", bytes("data"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/v/stat", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, stat);
        zk.create("/v/empty", new byte[0], Ids.READ_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.create("/v/s-", bytes("\u00fc \u4e2d"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL, stat);
        zk.create("/v/es-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        zk.create("/v/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
        zk.create("/v/ttl", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 123456789L);
        zk.create("/v/sttl-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 1L << 39);
        refused(KeeperException.Code.NODEEXISTS, () -> zk.create("/v", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        refused(KeeperException.Code.NONODE, () -> zk.create("/no/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
    }

    private static void readsAndWrites(ZooKeeper zk) throws Exception {
        zk.getData("/v", false, new Stat());
        zk.setData("/v", bytes("more"), 0);
        zk.setData("/v/stat", null, -1);
        zk.getChildren("/v", false);
        zk.getChildren("/v", false, new Stat());
        zk.exists("/v/empty", false);
        zk.exists("/no", false);
        zk.delete("/v/stat", 1);
        refused(KeeperException.Code.NOTEMPTY, () -> zk.delete("/v", -1));
        refused(KeeperException.Code.BADVERSION, () -> zk.setData("/v", null, 77));
        CountDownLatch synced = new CountDownLatch(1);
        zk.sync("/v", (rc, path, context) -> synced.countDown(), null);
        synced.await();
        zk.getEphemerals("/v");
        zk.getAllChildrenNumber("/v");
        zk.getConfig(false, new Stat());
        zk.whoAmI();
    }

    private static void acls(ZooKeeper zk) throws Exception {
        zk.addAuthInfo("digest", bytes("ann:secret"));
        zk.create("/v/own", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        List<ACL> acl = Arrays.asList(
            new ACL(Perms.ALL, new Id("auth", "")),
            new ACL(Perms.READ | Perms.WRITE, new Id("ip", "10.1.0.0/16")),
            new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE));
        zk.setACL("/v/own", acl, 0);
        zk.getACL("/v/own", new Stat());
        refused(KeeperException.Code.INVALIDACL,
            () -> zk.setACL("/v/own", Arrays.asList(new ACL(1, new Id("nonsense", "x"))), -1));
    }

    private static void transactions(ZooKeeper zk) throws Exception {
        zk.multi(Arrays.asList(
            Op.check("/v", 1),
            Op.create("/v/m", bytes("m"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.create("/v/ms-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
            Op.create("/v/mc", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
            Op.create("/v/mt", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 5000L),
            Op.setData("/v", bytes("again"), 1),
            Op.delete("/v/m", 0)));
        refused(KeeperException.Code.NONODE, () -> zk.multi(Arrays.asList(
            Op.create("/v/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.setData("/no", bytes("x"), -1),
            Op.delete("/v/x", -1))));
        zk.multi(Arrays.asList(Op.getData("/v"), Op.getChildren("/v"), Op.getData("/no")));
    }

    private static void watches(ZooKeeper zk) throws Exception {
        Watcher listener = event -> { };
        zk.getData("/v", listener, null);
        zk.exists("/v/new", listener);
        zk.getChildren("/v", listener);
        zk.create("/v/new", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setData("/v", bytes("seen"), -1);
        zk.getData("/v/new", listener, null);
        zk.delete("/v/new", -1);
        zk.getData("/v", listener, null);
        zk.removeWatches("/v", listener, WatcherType.Data, false);
        zk.exists("/v/gone", listener);
        zk.removeAllWatches("/v/gone", WatcherType.Any, false);
        zk.getData("/v", listener, null);
        zk.getChildren("/v", listener);
        zk.exists("/v/later", listener);
        // Without persistent watches these are set again by the older request.
        cut(zk);
    }

    private static void persistentWatches(ZooKeeper zk) throws Exception {
        Watcher listener = event -> { };
        zk.addWatch("/v", listener, AddWatchMode.PERSISTENT);
        zk.addWatch("/v", listener, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.create("/v/p", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setData("/v/p", bytes("p"), -1);
        zk.delete("/v/p", -1);
        cut(zk);
    }

    private static void reconfigures(String server) throws Exception {
        ZooKeeperAdmin admin = new ZooKeeperAdmin(server, 4321, event -> { });
        try {
            admin.reconfigure("server.4=10.0.0.4:2888:3888;2181", "3", null, 0x100000000L, null);
        } catch (KeeperException.UnimplementedException | KeeperException.ReconfigDisabledException expected) {
            // One server alone has no members to change.
        }
        admin.close();
    }

    public static void main(String[] arguments) throws Exception {
        ZooKeeper zk = connect(arguments[0]);
        creates(zk);
        readsAndWrites(zk);
        acls(zk);
        transactions(zk);
        watches(zk);
        persistentWatches(zk);
        reconfigures(arguments[0]);
        // Longer than the client stays silent: a ping.
        Thread.sleep(2500);
        zk.close();
        System.exit(0);
    }
}
