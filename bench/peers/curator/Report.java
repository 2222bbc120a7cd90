// What a round cost: latencies of its operations, time and CPU of the whole process, as the line of JSON that the bench reads.
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;

final class Report {
  final double[] latencies;
  private final long cpu = cpuNow();
  private final long start = System.nanoTime();

  Report(int operations) {
    latencies = new double[operations];
  }

  static long cpuNow() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  String end() {
    return line((System.nanoTime() - start) / 1e6);
  }

  /** Only what was timed counts as elapsed. */
  String endOfTimed() {
    return line(Arrays.stream(latencies).sum() / 1e3);
  }

  private String line(double elapsedMs) {
    double cpuMs = (cpuNow() - cpu) / 1e6;
    Arrays.sort(latencies);
    return String.format(
        Locale.ROOT,
        "{\"operations\":%d,\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f}",
        latencies.length, elapsedMs, cpuMs, at(0.5), at(0.99));
  }

  private double at(double share) {
    return latencies[(int) ((latencies.length - 1) * share)];
  }
}
