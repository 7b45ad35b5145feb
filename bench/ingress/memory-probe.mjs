// Loaded into the measured host beside its own code (NODE_OPTIONS=--import): appends what the process holds to a file, every two seconds
// after a collection of all garbage, so that what is left is what is held.
import { appendFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

const file = process.env.BENCH_MEMORY_FILE;
if (file !== undefined && isMainThread) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  setInterval(() => {
    const { rss } = process.memoryUsage();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    appendFileSync(file, `${JSON.stringify({ rss, heapUsed, external })}\n`);
  }, 2_000).unref();
}
